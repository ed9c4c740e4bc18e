"""Intervals of what is measured on finitely many images."""

from __future__ import annotations

from statistics import NormalDist

from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.utils.asked import VALUES, asks, number, whole


@asks(hits=whole(), trials=whole(), level=number())
def wilson(hits: int, trials: int, *, level: float = 0.95) -> tuple[float, float]:
    """Returns Wilson's score interval (1927) of a share; unlike the usual one it is right near 0 and 1.

    Args:
        hits: how often.
        trials: of how many.
        level: of confidence.

    Raises:
        UnlearningError: if there were no trials, or ``level`` is not between 0 and 1.

    Example:
        >>> [round(end, 3) for end in wilson(0, 100)]
        [0.0, 0.037]
    """
    if trials < 1 or not 0 <= hits <= trials or not 0 < level < 1:
        raise UnlearningError(f"wilson({hits}, {trials}, level={level}): expected 0 <= hits <= trials, 0 < level < 1.")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, width = hits / trials, z * z / trials
    middle = (share + width / 2) / (1 + width)
    half = z / (1 + width) * (share * (1 - share) / trials + width / (4 * trials)) ** 0.5
    return (middle - half if hits else 0.0), (middle + half if hits < trials else 1.0)


@asks(values=VALUES, level=number())
def normal_interval(values: Tensor, *, level: float = 0.95) -> tuple[float, float]:
    """Returns the normal interval of the mean of values ``(N,)``.

    Raises:
        UnlearningError: if there are fewer than two values, or ``level`` is not between 0 and 1.

    Example:
        >>> import torch
        >>> [round(end, 2) for end in normal_interval(torch.tensor([1.0, 2.0, 3.0]))]
        [0.87, 3.13]
    """
    if len(values) < 2 or not 0 < level < 1:
        raise UnlearningError(f"normal_interval() of {len(values)}, {level=}: expected two values, a level in (0, 1).")
    half = NormalDist().inv_cdf((1 + level) / 2) * float(values.double().std()) / len(values) ** 0.5
    mean = float(values.double().mean())
    return mean - half, mean + half
