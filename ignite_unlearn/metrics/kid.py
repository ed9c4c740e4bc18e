"""KID as an Ignite metric: the kernel distance, and how far it is off by the chance of what was drawn."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.metrics.base import FeatureDistance
from ignite_unlearn.metrics.feature_rows import feature_pair

Array = NDArray[np.float64]
_GROUP = 5000  # images of a side whose pairs are looked at together: work grows with its square
_FEWEST = 1000  # of the smaller side in a group, where it has so many: small groups lose precision
_SAID = 10  # images of a side that tell a standard error
_ROWS = 512


@dataclass(frozen=True)
class KernelDistance:
    """A kernel distance.

    Attributes:
        value: the estimate.
        error: its standard error; None below ten images of a side, which say too little of it.
    """

    value: float
    error: float | None

    def interval(self, level: float = 0.95) -> tuple[float, float] | None:
        """Returns the normal interval about the estimate; None where its error is not known.

        Raises:
            UnlearningError: if ``level`` is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise UnlearningError(f"level={level} must lie between 0 and 1, such as 0.95.")
        if self.error is None:
            return None
        half = NormalDist().inv_cdf((1 + level) / 2) * self.error
        return self.value - half, self.value + half


def kernel_distance(features: Any, others: Any) -> KernelDistance:
    """Returns the squared maximum mean discrepancy of the kernel ``(x y / F + 1)^3`` (Binkowski et al. 2018).

    It is the unbiased U-statistic of all images. clean-fid averages it over random subsets of at most 1,000 images of a
    side; where both sides have as many images and a subset holds all of them, both are the same number.

    The standard error is that of a two-sample U-statistic (Hoeffding 1948; of this one, Sutherland et al. 2017), with
    the second-order terms that are left where both sets are of one distribution. Above 5,000 images of a side both are
    cut into groups at random (the same each time), and the groups' distances are averaged.

    Args:
        features: ``(N, F)``, ``N >= 2``; other forms as for :func:`~ignite_unlearn.metrics.feature_rows.feature_rows`.
        others: ``(M, F)``, ``M >= 2``.

    Raises:
        UnlearningError: if there are fewer than two images on a side, or features do not fit.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(2, 300, 4))
        >>> found = kernel_distance(x[0], x[1] + 1)
        >>> low, high = found.interval()
        >>> 0 < low < found.value < high
        True
    """
    x, y = feature_pair(features, others)
    if min(len(x), len(y)) < 2:
        raise UnlearningError("KID needs at least two images on either side.")
    groups = max(1, min(-(-max(len(x), len(y)) // _GROUP), min(len(x), len(y)) // _FEWEST))
    parts = zip(_cut(x, groups), _cut(y, groups), strict=True)
    values, variances = zip(*(_of_group(a, b) for a, b in parts), strict=True)
    error = float(np.sqrt(np.sum(variances)) / groups) if min(len(x), len(y)) >= _SAID else None
    return KernelDistance(float(np.mean(values)), error)


class KID(FeatureDistance):
    """Kernel distance (Binkowski et al. 2018), clean-fid's without the chance of its subsets.

    It is unbiased, so it may be slightly negative; see :func:`kernel_distance`.

    Example:
        >>> import torch
        >>> from ignite_unlearn.metrics.features import FeatureExtractor
        >>> kid = KID(FeatureExtractor(torch.nn.Flatten(), "pixels"))
        >>> images = torch.randn(200, 1, 2, 2, generator=torch.Generator().manual_seed(0))
        >>> kid.update((images, images + 1))
        >>> low, high = kid.interval()
        >>> 0 < low < kid.compute() < high
        True
    """

    @staticmethod
    def distance(generated: np.ndarray, real: np.ndarray) -> float:
        """Returns the kernel distance between two sets of features.

        Raises:
            UnlearningError: if there are fewer than two images on a side.
        """
        return kernel_distance(generated, real).value

    def interval(self, *, level: float = 0.95) -> tuple[float, float] | None:
        """Returns between which values the distance of the distributions lies; None below ten images on a side.

        It tells the chance of which images were drawn, on both sides, and not that of a training.
        """
        return kernel_distance(*self.features()).interval(level)


def _cut(x: NDArray[np.floating], groups: int) -> list[Array]:
    """Returns disjoint random groups of rows; rows may come class by class, so they are shuffled."""
    order = np.random.default_rng(0).permutation(len(x))[: groups * _GROUP]
    return [x[np.sort(order[i::groups])].astype(np.float64) for i in range(groups)]


def _of_group(x: Array, y: Array) -> tuple[float, float]:
    """Returns the U-statistic and its variance."""
    n, m = len(x), len(y)
    xx, yy, xy = _Sums.within(x), _Sums.within(y), _Sums.between(x, y)
    value = xx.mean + yy.mean - 2 * xy.mean
    second = 2 * xx.rest / (n * (n - 1)) + 2 * yy.rest / (m * (m - 1)) + 4 * xy.rest / (n * m)
    # The spread of the images' own means holds the second-order terms twice.
    spread = 4 * _variance(xx.rows - xy.rows) / n + 4 * _variance(yy.rows - xy.columns) / m
    return value, max(spread - second, second)


def _variance(values: Array) -> float:
    return float(values.var(ddof=1))


@dataclass(frozen=True)
class _Sums:
    """What a kernel's matrix comes to: its mean, those of rows and columns, the mean square of what they leave."""

    mean: float
    rows: Array
    columns: Array
    rest: float

    @classmethod
    def between(cls, x: Array, y: Array) -> _Sums:
        n, m = len(x), len(y)
        rows, columns, squares = _summed(x, y)
        rows, columns = rows / m, columns / n
        mean = float(rows.mean())
        rest = squares / (n * m) - mean**2 - ((rows - mean) ** 2).mean() - ((columns - mean) ** 2).mean()
        return cls(mean, rows, columns, max(0.0, float(rest)))

    @classmethod
    def within(cls, x: Array) -> _Sums:
        """The same of a set and itself, without the pairs of an image and itself."""
        n, own = len(x), _kernel((x * x).sum(1) / x.shape[1])
        rows, _, squares = _summed(x, x)
        rows = (rows - own) / (n - 1)
        mean = float(rows.mean())
        rest = (squares - own @ own) / (n * (n - 1)) - mean**2 - 2 * ((rows - mean) ** 2).sum() / (n - 1)
        return cls(mean, rows, rows, max(0.0, float(rest)))


def _summed(x: Array, y: Array) -> tuple[Array, Array, float]:
    """Returns the sums of the rows, of the columns, and of the squares of the kernel's matrix."""
    rows, columns, squares = np.empty(len(x)), np.zeros(len(y)), 0.0
    for start in range(0, len(x), _ROWS):
        part = _kernel(x[start : start + _ROWS] @ y.T / x.shape[1])
        rows[start : start + _ROWS] = part.sum(1)
        columns += part.sum(0)
        squares += float(np.vdot(part, part))
    return rows, columns, squares


def _kernel(products: Array) -> Array:
    products = products + 1
    return products * products * products
