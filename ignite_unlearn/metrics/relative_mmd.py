"""Of three sets of images: is the first closer to the second than to the third?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.metrics.feature_rows import feature_pair
from ignite_unlearn.metrics.kid import KernelDistance

Array = NDArray[np.float64]
_LEAST = 10  # rows of a set
_ASKED = 2000  # of all rows tell the kernel's width


def relative_mmd(features: Any, near: Any, far: Any) -> KernelDistance:
    """Returns how much farther one set lies from a second than from a third: below 0, it is closer to the second.

    It is the difference of two squared maximum mean discrepancies, ``MMD^2(features, near) - MMD^2(features, far)``, by
    unbiased U-statistics on the same images, so that what both share falls out of the error (the relative test of
    Bounliphone et al. 2016). The kernel is Gaussian, as wide as the median distance of all rows. The error is the
    asymptotic one, and holds where the three differ in no way too.

    Args:
        features: ``(N, F)``; other forms as for :func:`~ignite_unlearn.metrics.feature_rows.feature_rows`.
        near: ``(N, F)``.
        far: ``(N, F)``.

    Raises:
        UnlearningError: if the sets differ in size, or have fewer than ten rows, or features do not fit.

    Example:
        >>> x, y, z = np.random.default_rng(0).normal(size=(3, 200, 4)) + np.array([0.2, 0, 1])[:, None, None]
        >>> low, high = relative_mmd(x, y, z).interval()
        >>> high < 0
        True
    """
    x, y = feature_pair(features, near)
    _, z = feature_pair(features, far)
    n = len(x)
    if not n == len(y) == len(z) or n < _LEAST:
        raise UnlearningError(f"Sets of {n}, {len(y)} and {len(z)} rows: expected three of one size, ten or more.")
    x, y, z = (rows.astype(np.float64) - x.mean(0, dtype=np.float64) for rows in (x, y, z))
    some = np.concatenate([x, y, z])[:: -(-3 * n // _ASKED)]
    width = float(np.median(_squared_distances(some, some)[np.triu_indices(len(some), 1)]))

    def kernel(a: Array, b: Array) -> Array:
        squares = _squared_distances(a, b)
        return np.exp(-squares / (2 * width)) if width > 0 else (squares == 0).astype(np.float64)

    xy, xz = kernel(x, y), kernel(x, z)
    # The terms of pairs within the first set are the same in both distances.
    pairs = kernel(y, y) - kernel(z, z) - xy - xy.T + xz + xz.T
    np.fill_diagonal(pairs, 0)
    means = pairs.sum(1) / (n - 1)
    value = float(means.mean())
    rest = (pairs**2).sum() / (n * (n - 1)) - value**2 - 2 * means.var()
    second = 2 * max(0.0, float(rest)) / (n * (n - 1))
    # The variance of a U-statistic (Hoeffding 1948); the spread of the rows' means holds the second order twice.
    variance = max(4 * float(means.var(ddof=1)) / n - second, second)
    return KernelDistance(value, variance**0.5)


def _squared_distances(a: Array, b: Array) -> Array:
    found: Array = np.maximum((a * a).sum(1)[:, None] + (b * b).sum(1) - 2 * a @ b.T, 0)
    return found
