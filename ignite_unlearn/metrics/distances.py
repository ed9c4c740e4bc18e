"""Distances between two sets of images in a feature space, as Ignite metrics."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from ignite.exceptions import NotComputableError
from torch import Tensor

from ignite_unlearn.borrow import borrow
from ignite_unlearn.metrics.collected import Collected, as_it_is
from ignite_unlearn.metrics.coverage import density_and_coverage
from ignite_unlearn.metrics.features import FeatureExtractor
from ignite_unlearn.metrics.frechet import feature_distance


class _Distance(Collected):
    """Collects features of generated and real images.

    Args:
        extractor: the feature space.
        real: features ``(M, F)`` of the real images where they are always the same, such as what
            :func:`~ignite_unlearn.metrics.kept.kept_features` returns; then updates may hold None for the real images.
            For the distance to the retrained GAN (Ret-FID) they are the features of its samples.
        output_transform: from the engine's output to what :meth:`update` takes.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        *,
        real: np.ndarray | None = None,
        output_transform: Callable[..., Any] = as_it_is,
    ):
        self.extractor = extractor
        self._fixed = real
        super().__init__(output_transform)

    def update(self, output: tuple[Tensor | None, Tensor | None]) -> None:
        """Adds ``(generated, real)`` images; either may be None."""
        for kind, images in zip(("generated", "real"), output, strict=True):
            if images is not None:
                self.add(kind, torch.from_numpy(self.extractor(images)))

    def features(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the features of all generated and all real images, of all processes.

        Raises:
            NotComputableError: if one of the two kinds is missing.
        """
        generated, seen = self.rows("generated"), self.rows("real")
        real = [part for part in (self._fixed, None if seen is None else seen.numpy()) if part is not None]
        if generated is None or not real:
            raise NotComputableError(f"{type(self).__name__} needs generated and real images before compute().")
        return generated.numpy(), np.concatenate(real)

    def compute(self) -> float:
        """Returns the distance between all generated and all real images."""
        return self.distance(*self.features())

    @staticmethod
    @abstractmethod
    def distance(generated: np.ndarray, real: np.ndarray) -> float:
        """Returns the distance between two sets of features ``(N, F)`` and ``(M, F)``."""


class FID(_Distance):
    """Frechet distance (Heusel et al. 2017), equal to clean-fid's (Parmar et al. 2022) on the same features.

    Comparable only within one feature space: give the extractor's name beside the number.

    Example:
        >>> import torch
        >>> extractor = FeatureExtractor(torch.nn.Flatten(), "pixels")
        >>> fid = FID(extractor)
        >>> images = torch.randn(200, 1, 2, 2, generator=torch.Generator().manual_seed(0))
        >>> fid.update((images, images + 1))
        >>> round(fid.compute(), 3)
        4.0
    """

    @staticmethod
    def distance(generated: np.ndarray, real: np.ndarray) -> float:
        """Returns the Frechet distance between two sets of features.

        Raises:
            UnlearningError: if there are fewer than two images on a side.
        """
        return feature_distance(generated, real)


class KID(_Distance):
    """Kernel distance (Binkowski et al. 2018), computed by clean-fid; unbiased, so it may be slightly negative.

    clean-fid draws its subsets from NumPy's global stream; here it is seeded for the call and put back.

    Example:
        >>> import torch
        >>> kid = KID(FeatureExtractor(torch.nn.Flatten(), "pixels"))
        >>> images = torch.randn(200, 1, 2, 2, generator=torch.Generator().manual_seed(0))
        >>> kid.update((images, images + 1))
        >>> low, high = kid.interval()
        >>> 0 < low < kid.compute() < high
        True
    """

    @staticmethod
    def distance(generated: np.ndarray, real: np.ndarray) -> float:
        """Returns the kernel distance between two sets of features."""
        return float(_of_subsets(generated, real).mean())

    def interval(self, *, level: float = 0.95) -> tuple[float, float]:
        """Returns between which values the middle subsets' distances lie: wider than an interval of the mean."""
        return _between(_of_subsets(*self.features()), level)


def distances(generated: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Returns FID, KID with its interval, density and coverage of features ``(N, F)`` and ``(M, F)``, by name.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(100, 3))
        >>> sorted(distances(x, x + 1))
        ['coverage', 'density', 'fid', 'kid', 'kid_high', 'kid_low']
    """
    subsets = _of_subsets(generated, real)
    low, high = _between(subsets, 0.95)
    density, coverage = density_and_coverage(generated, real)
    return {
        "fid": FID.distance(generated, real),
        "kid": float(subsets.mean()),
        "kid_low": low,
        "kid_high": high,
        "density": density,
        "coverage": coverage,
    }


def _between(values: np.ndarray, level: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _of_subsets(generated: np.ndarray, real: np.ndarray, subsets: int = 20) -> np.ndarray:
    from cleanfid.fid import kernel_distance

    # One subset a call: the mean of 20 calls is what one call with 20 subsets returns, and the spread is seen.
    with borrow(seed=0):
        return np.array([kernel_distance(generated, real, num_subsets=1) for _ in range(subsets)])
