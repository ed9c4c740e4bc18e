"""The Frechet distance between two normal distributions, in float64, by symmetric matrices alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.metrics.feature_rows import feature_pair

Array = NDArray[np.float64]


def frechet_distance(mean: Array, covariance: Array, other_mean: Array, other_covariance: Array) -> float:
    """Returns ``|m - n|^2 + tr(S + T - 2 (S T)^(1/2))`` (Dowson and Landau 1982; Heusel et al. 2017).

    With ``S = L L'`` the eigenvalues of ``S T`` are those of the symmetric ``L' T L``, and the trace of the root is the
    sum of their roots. Nothing is added to the diagonals: a covariance may be singular.

    Args:
        mean: ``m``, shape ``(F,)``.
        covariance: ``S``, shape ``(F, F)``, symmetric, positive semi-definite up to rounding.
        other_mean: ``n``.
        other_covariance: ``T``.

    Raises:
        UnlearningError: if shapes differ, or a number is not finite.

    Example:
        >>> frechet_distance(np.zeros(3), np.eye(3), np.ones(3), 4 * np.eye(3))
        6.0
    """
    try:
        arrays = [np.asarray(a, dtype=np.float64) for a in (mean, covariance, other_mean, other_covariance)]
    except (TypeError, ValueError, RuntimeError) as error:
        raise UnlearningError("Moments are arrays of numbers: expected (F,), (F, F), (F,), (F, F).") from error
    m, s, n, t = arrays
    if m.ndim != 1 or m.shape != n.shape or not s.shape == t.shape == (len(m), len(m)):
        shapes = ", ".join(str(a.shape) for a in arrays)
        raise UnlearningError(f"Moments of shapes {shapes} do not fit: expected (F,), (F, F), (F,), (F, F).")
    if not all(np.isfinite(a).all() for a in arrays):
        raise UnlearningError("Means and covariances must be finite: look for NaN or infinity among the features.")
    spread = np.trace(s) + np.trace(t)
    distance = ((m - n) ** 2).sum() + spread - 2 * _trace_of_root(s, t)
    return float(distance) if distance > 1e-13 * len(m) * spread else 0.0  # what rounding leaves is no distance


def feature_distance(features: Any, others: Any) -> float:
    """Returns the Frechet distance between the normal distributions fitted to features ``(N, F)`` and ``(M, F)``.

    Args:
        features: in any form that :func:`~ignite_unlearn.metrics.feature_rows.feature_rows` takes.
        others: the same.

    Raises:
        UnlearningError: if there are fewer than two images on a side, or features do not fit.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 4))
        >>> round(feature_distance(x, x + 1), 6)
        4.0
    """
    features, others = feature_pair(features, others)
    if min(len(features), len(others)) < 2:
        raise UnlearningError("FID needs at least two images on either side.")
    return frechet_distance(*moments(features), *moments(others))


def moments(features: Array) -> tuple[Array, Array]:
    """Returns the mean ``(F,)`` and the unbiased covariance ``(F, F)`` of features ``(N, F)``."""
    x = np.asarray(features, dtype=np.float64)
    mean = x.mean(0)
    centred = x - mean
    return mean, centred.T @ centred / (len(x) - 1)


def _trace_of_root(s: Array, t: Array) -> float:
    from scipy.linalg import blas, eigvalsh

    factor, triangular = _factor(s)
    if triangular:  # half the multiplications
        product = blas.dtrmm(1.0, factor, blas.dtrmm(1.0, factor, t, lower=1, trans_a=1), lower=1, side=1)
    else:
        # The roots of thousands of eigenvalues that are rounding would add up, so there must be none.
        product = factor.T @ t @ factor
    if not product.size:
        return 0.0
    values = eigvalsh(product, check_finite=False, overwrite_a=True)
    return float(np.sqrt(values.clip(0)).sum())  # eigenvalues below zero are rounding


def _factor(s: Array) -> tuple[Array, bool]:
    """Returns L with ``L L' = S``, and whether it is triangular; if not, it has about as many columns as S has rank."""
    from scipy.linalg import LinAlgError, cholesky, eigh

    floor = len(s) * np.finfo(float).eps
    try:
        factor: Array = cholesky(s, lower=True, check_finite=False)
        if factor.diagonal().min() ** 2 > floor * np.diagonal(s).max():
            return factor, True
    except LinAlgError:
        pass
    values, vectors = eigh(s, check_finite=False)
    kept = values > floor * values[-1] if values[-1] > 0 else values > values[-1]
    return np.asarray(vectors[:, kept] * np.sqrt(values[kept])), False
