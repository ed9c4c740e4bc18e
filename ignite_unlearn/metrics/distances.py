"""Distances between two sets of images in a feature space, by clean-fid's functions, as Ignite metrics."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from ignite.exceptions import NotComputableError
from ignite.metrics import Metric
from torch import Tensor

from ignite_unlearn.borrow import borrow
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.metrics.features import FeatureExtractor


class _Distance(Metric):
    """Collects features of generated and real images.

    Args:
        extractor: the feature space.
        real: features ``(M, F)`` of the real images where they are always the same; then updates may hold None for
            the real images.
    """

    def __init__(self, extractor: FeatureExtractor, *, real: np.ndarray | None = None):
        self.extractor = extractor
        self._fixed = real
        super().__init__()

    def reset(self) -> None:
        """Forgets all features but fixed ones."""
        self._generated: list[np.ndarray] = []
        self._real: list[np.ndarray] = [] if self._fixed is None else [self._fixed]

    def update(self, output: tuple[Tensor, Tensor | None]) -> None:
        """Adds ``(generated, real)`` images; either may be None."""
        generated, real = output
        if generated is not None:
            self._generated.append(self.extractor(generated))
        if real is not None:
            self._real.append(self.extractor(real))

    def compute(self) -> float:
        """Returns the distance between all generated and all real images."""
        if not self._generated or not self._real:
            raise NotComputableError(f"{type(self).__name__} needs generated and real images before compute().")
        return self.distance(np.concatenate(self._generated), np.concatenate(self._real))

    @staticmethod
    @abstractmethod
    def distance(generated: np.ndarray, real: np.ndarray) -> float:
        """Returns the distance between two sets of features ``(N, F)`` and ``(M, F)``."""


class FID(_Distance):
    """Frechet distance (Heusel et al. 2017), computed by clean-fid (Parmar et al. 2022).

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
        """Returns the Frechet distance between two sets of features."""
        from cleanfid.fid import fid_from_feats

        if min(len(generated), len(real)) < 2:
            raise UnlearningError("FID needs at least two images on either side.")
        return max(0.0, float(fid_from_feats(generated.astype(np.float64), real.astype(np.float64))))


class KID(_Distance):
    """Kernel distance (Binkowski et al. 2018), computed by clean-fid; unbiased, so it may be slightly negative.

    clean-fid draws its subsets from NumPy's global stream; here it is seeded for the call and put back.
    """

    @staticmethod
    def distance(generated: np.ndarray, real: np.ndarray) -> float:
        """Returns the kernel distance between two sets of features."""
        from cleanfid.fid import kernel_distance

        with borrow(seed=0):
            return float(kernel_distance(generated, real, num_subsets=20))
