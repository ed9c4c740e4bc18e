import numpy as np
import pytest
from cleanfid.fid import kernel_distance as cleanfids

from ignite_unlearn import UnlearningError
from ignite_unlearn.metrics import kid as module
from ignite_unlearn.metrics.kid import kernel_distance


def sets(n, m, shift=0.3, seed=0, dimensions=8):
    random = np.random.default_rng(seed)
    return np.maximum(random.normal(size=(n, dimensions)), 0), np.maximum(
        random.normal(size=(m, dimensions)) + shift, 0
    )


@pytest.mark.parametrize("n", [2, 7, 300, 1300])
def test_it_equals_clean_fids_where_a_subset_holds_all_images(n):
    x, y = sets(n, n)
    assert kernel_distance(x, y).value == pytest.approx(cleanfids(x, y, num_subsets=1, max_subset_size=n), abs=1e-10)


def test_sides_of_other_sizes_are_the_formula():
    x, y = sets(20, 31)
    k = lambda a, b: (a @ b.T / 8 + 1) ** 3  # noqa: E731
    within = [(k(a, a).sum() - k(a, a).trace()) / (len(a) * (len(a) - 1)) for a in (x, y)]
    assert kernel_distance(x, y).value == pytest.approx(sum(within) - 2 * k(x, y).mean())


def test_it_is_symmetric_and_does_not_see_the_order():
    x, y = sets(40, 60)
    there, back = kernel_distance(x, y), kernel_distance(y[::-1], x)
    assert (there.value, there.error) == pytest.approx((back.value, back.error))


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_its_interval_covers_the_truth_as_often_as_it_says(shift):
    truth = 0.0 if shift == 0 else np.mean([kernel_distance(*sets(400, 400, shift, seed)).value for seed in range(200)])
    found = [kernel_distance(*sets(60, 90, shift, seed + 1000)).interval() for seed in range(200)]
    covered = sum(low <= truth <= high for low, high in found)
    assert 176 <= covered <= 200  # 190 expected; the binomial's 99.9 % range, and a little for the skew


def test_groups_use_all_images_and_tell_their_error(monkeypatch):
    x, y = sets(900, 1200)
    whole = kernel_distance(x, y)
    monkeypatch.setattr(module, "_GROUP", 300)
    monkeypatch.setattr(module, "_FEWEST", 200)
    parts = kernel_distance(x, y)
    assert parts.value != whole.value and abs(parts.value - whole.value) < 2 * whole.error
    assert parts.error == pytest.approx(whole.error, rel=0.3)
    # Rows that come class by class do not make a group of each class.
    ordered = kernel_distance(np.sort(x, axis=0), np.sort(x, axis=0))
    assert ordered.value < 3 * ordered.error


def test_a_level_that_is_none_is_refused():
    with pytest.raises(UnlearningError, match="level=95"):
        kernel_distance(*sets(20, 20)).interval(95)
