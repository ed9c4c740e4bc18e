import warnings

import numpy as np
import pytest
from cleanfid.fid import frechet_distance as cleanfids
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import svdvals

from ignite_unlearn import UnlearningError
from ignite_unlearn.metrics.frechet import feature_distance, frechet_distance, moments


def features(kind, dimensions=48):
    """Returns two sets of features."""
    random = np.random.default_rng(0)
    mix = random.normal(size=(dimensions, dimensions))
    x, y = random.normal(size=(600, dimensions)), 1.2 * random.normal(size=(500, dimensions)) + 0.1
    spread = np.logspace(0, -8, dimensions)
    return {
        "full rank": (x @ mix, y @ mix),
        "fewer images than features": (x[:20] @ mix, y[:30] @ mix),
        "fewer on the other side": (x[:30] @ mix, y[:20] @ mix),
        "fewer on one side": (x[:20] @ mix, y @ mix),
        "features that are always 0": (x * (spread > 1e-4), y * (spread > 1e-4)),
        "nearly singular": (x * spread, y * spread),
        "nearly singular, mixed": (x * spread @ mix, y * spread @ mix),
        "a constant side": (x @ mix, np.ones((10, dimensions))),
    }[kind]


KINDS = [
    "full rank", "fewer images than features", "fewer on the other side", "fewer on one side",
    "features that are always 0", "nearly singular", "nearly singular, mixed", "a constant side",
]  # fmt: skip


def by_singular_values(x, y):
    """The same without any covariance: the trace of the root is the nuclear norm of the product of both sets."""
    a, b = (x - x.mean(0)) / np.sqrt(len(x) - 1), (y - y.mean(0)) / np.sqrt(len(y) - 1)
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + (a**2).sum() + (b**2).sum() - 2 * svdvals(a @ b.T).sum()


@pytest.mark.parametrize("kind", KINDS)
def test_it_equals_clean_fid_and_the_singular_values(kind):
    x, y = features(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy's, of singular matrices
        theirs = cleanfids(*moments(x), *moments(y))
    mine = feature_distance(x, y)
    assert mine == pytest.approx(theirs, rel=1e-6)
    assert mine == pytest.approx(by_singular_values(x, y), rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_identical_sides_are_at_no_distance(kind):
    x, _ = features(kind)
    distance = feature_distance(x, x)
    assert distance <= 1e-6 * np.cov(x.T).trace()
    assert kind != "full rank" or distance == 0  # as a record shows it of the retrained GAN beside itself


@given(seed=st.integers(0, 10**6), dimensions=st.integers(1, 12), n=st.integers(2, 30), m=st.integers(2, 30))
@settings(max_examples=50, deadline=None)
def test_it_is_symmetric_and_does_not_see_rotations_and_shifts(seed, dimensions, n, m):
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(n, dimensions)), random.normal(size=(m, dimensions)) * 2
    turn, _ = np.linalg.qr(random.normal(size=(dimensions, dimensions)))
    there = feature_distance(x, y)
    scale = np.abs(x).max() ** 2 + np.abs(y).max() ** 2
    assert feature_distance(y, x) == pytest.approx(there, abs=1e-6 * scale)
    assert feature_distance(x @ turn + 3, y @ turn + 3) == pytest.approx(there, abs=1e-6 * scale)


@pytest.mark.parametrize("seed", [109, 113, 443, 1099])
def test_a_singular_covariance_whose_rounding_looks_like_full_rank(seed):
    random = np.random.default_rng(seed)  # dimensions as many as images: rank one less
    for size in (3, 4, 5):
        for _ in range(30):
            x, y = random.normal(size=(size, size)), random.normal(size=(9, size)) * 2
            assert feature_distance(x, y) == pytest.approx(by_singular_values(x, y), rel=1e-6)


def test_a_shift_of_one_side_adds_its_square():
    x, y = features("full rank")
    at_rest = feature_distance(x, y + x.mean(0) - y.mean(0))
    assert feature_distance(x, y + x.mean(0) - y.mean(0) + 2) == pytest.approx(at_rest + 4 * 48, rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros(2), np.eye(3), np.zeros(2), np.eye(2)), r"shapes \(2,\), \(3, 3\)"),
        ((np.zeros(2), np.eye(2), np.zeros(2), np.full((2, 2), np.nan)), "finite"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(UnlearningError, match=message):
        frechet_distance(*arguments)
    with pytest.raises(UnlearningError, match="different extractors"):
        feature_distance(np.zeros((3, 2)), np.zeros((3, 4)))
