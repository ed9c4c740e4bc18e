"""Distances between two sets of images in a feature space, as Ignite metrics."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from ignite.exceptions import NotComputableError
from torch import Tensor

from ignite_unlearn.metrics.collected import Collected, as_it_is
from ignite_unlearn.metrics.coverage import density_and_coverage
from ignite_unlearn.metrics.features import FeatureExtractor
from ignite_unlearn.metrics.frechet import feature_distance
from ignite_unlearn.metrics.kid import kernel_distance


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

    Comparable only within one feature space: give the extractor's name beside the number. Both kinds of images must be
    in the range that the extractor expects; that they are in [0, 1] rather than [-1, 1] cannot be seen in them.

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
    """Kernel distance (Binkowski et al. 2018), clean-fid's without the chance of its subsets.

    It is unbiased, so it may be slightly negative; see :func:`~ignite_unlearn.metrics.kid.kernel_distance`.

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


def distances(generated: np.ndarray, real: np.ndarray) -> dict[str, float | None]:
    """Returns FID, KID with its 95 % interval, density and coverage of features ``(N, F)`` and ``(M, F)``, by name.

    The interval's ends are None below ten images on a side.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(100, 3))
        >>> sorted(distances(x, x + 1))
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
