import numpy as np
import pytest

from ignite_unlearn import UnlearningError
from ignite_unlearn.metrics import relative_mmd


def drawn(seed, means, n=60, features=3):
    random = np.random.default_rng(seed)
    return [random.normal(size=(n, features)) + mean for mean in means]


def test_it_is_the_difference_of_two_unbiased_distances():
    x, y, z = drawn(0, (0.3, 0, 1), n=12)
    rows = np.concatenate([x, y, z])
    apart = [((a - b) ** 2).sum() for i, a in enumerate(rows) for b in rows[:i]]

    def kernel(a, b):
        return np.exp(-((a - b) ** 2).sum() / (2 * np.median(apart)))

    def mean(a, b, same):
        return np.mean([kernel(p, q) for i, p in enumerate(a) for j, q in enumerate(b) if i != j or not same])

    def distance(a, b):
        # Pairs of one place are left out between sets too, so that each image stands beside all others once.
        between = np.mean([kernel(p, q) for i, p in enumerate(a) for j, q in enumerate(b) if i != j])
        return mean(a, a, True) + mean(b, b, True) - 2 * between

    assert relative_mmd(x, y, z).value == pytest.approx(distance(x, y) - distance(x, z))
    assert relative_mmd(x, z, y).value == pytest.approx(-relative_mmd(x, y, z).value)
    assert relative_mmd(x, z, y).error == pytest.approx(relative_mmd(x, y, z).error)


@pytest.mark.parametrize("means", [(0, -0.7, 0.7), (0, 0, 0)], ids=["between two", "all of one kind"])
def test_an_image_between_both_is_within_the_interval_as_often_as_it_says(means):
    inside = 0
    for seed in range(200):
        low, high = relative_mmd(*drawn(seed, means)).interval()
        inside += low <= 0 <= high
    assert 180 <= inside <= 200  # 190 expected; the binomial's 99.9 % range


def test_what_is_a_little_closer_is_found_with_enough_images_and_scale_does_not_matter():
    few, many = (drawn(1, (0.1, 0, 0.6), n=n) for n in (15, 800))
    assert relative_mmd(*few).interval()[1] > 0 > relative_mmd(*many).interval()[1]
    scaled = relative_mmd(*(1000 * x + 7 for x in many))
    assert scaled.value == pytest.approx(relative_mmd(*many).value)


def test_constant_features_are_no_trouble():
    x = np.zeros((20, 1))
    found = relative_mmd(x, x, x + 1)
    assert found.value < 0 and relative_mmd(x, x, x).value == 0
    assert np.isfinite(found.error)


def test_sets_of_other_sizes_are_refused():
    x = np.zeros((20, 1))
    for sets in ((x, x, x[:19]), (x[:9],) * 3):
        with pytest.raises(UnlearningError, match="expected three of one size, ten or more"):
            relative_mmd(*sets)
