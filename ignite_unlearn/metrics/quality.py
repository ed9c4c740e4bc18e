"""All that is said of the quality of generated images in one feature space."""

from __future__ import annotations

import numpy as np

from ignite_unlearn.metrics.coverage import density_and_coverage
from ignite_unlearn.metrics.fid import FID
from ignite_unlearn.metrics.kid import kernel_distance


def image_quality(generated: np.ndarray, real: np.ndarray) -> dict[str, float | None]:
    """Returns FID, KID with its 95 % interval, density and coverage of features ``(N, F)`` and ``(M, F)``, by name.

    The interval's ends are None below ten images on a side.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(100, 3))
        >>> sorted(image_quality(x, x + 1))
        ['coverage', 'density', 'fid', 'kid', 'kid_high', 'kid_low']
    """
    kid = kernel_distance(generated, real)
    low, high = kid.interval() or (None, None)
    density, coverage = density_and_coverage(generated, real)
    return {
        "fid": FID.distance(generated, real),
        "kid": kid.value,
        "kid_low": low,
        "kid_high": high,
        "density": density,
        "coverage": coverage,
    }
