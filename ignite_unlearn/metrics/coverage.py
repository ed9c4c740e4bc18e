"""Density and coverage: is what is generated like the real images, and are all of them reached?"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.metrics.feature_rows import feature_pair
from ignite_unlearn.utils.asked import COUNT, asks

_AT_ONCE = 1024


@asks(k=COUNT)
def density_and_coverage(generated: np.ndarray, real: np.ndarray, *, k: int = 5) -> tuple[float, float]:
    """Returns density and coverage (Naeem et al. 2020) in a feature space.

    They replace precision and recall (Kynkaanniemi et al. 2019), which a single outlier among the real or the generated
    images can move far: a real outlier's ball is large. Density is 1 for images like the real ones and may exceed it;
    coverage is the share of real images with a generated one among their ``k`` nearest real neighbours' distance.

    Args:
        generated: features ``(N, F)``.
        real: features ``(M, F)``, ``M > k``.
        k: how many neighbours make a ball.

    Raises:
        UnlearningError: if there are too few real images, or none generated, or features do not fit.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(200, 3))
        >>> density, coverage = density_and_coverage(x, x)
        >>> coverage, density > 0.9
        (1.0, True)
    """
    generated, real = feature_pair(generated, real)
    if len(real) <= k or not len(generated):
        raise UnlearningError(f"{len(real)} real and {len(generated)} generated images: expected more than {k} and 1.")
    a, b = torch.from_numpy(generated).double(), torch.from_numpy(real).double()
    # The nearest neighbour of a real image among the real ones is itself. (topk: seven times faster than kthvalue.)
    radii = torch.cat([torch.cdist(part, b).topk(k + 1, largest=False).values[:, -1] for part in b.split(_AT_ONCE)])
    inside, nearest = 0, torch.full((len(b),), float("inf"), dtype=torch.float64)
    for part in a.split(_AT_ONCE):
        distances: Tensor = torch.cdist(part, b)
        inside += int((distances < radii).sum())
        nearest = torch.minimum(nearest, distances.amin(0))
    return inside / (k * len(a)), float((nearest < radii).double().mean())
