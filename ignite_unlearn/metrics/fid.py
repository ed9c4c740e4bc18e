"""FID as an Ignite metric."""

from __future__ import annotations

import numpy as np

from ignite_unlearn.metrics.base import FeatureDistance
from ignite_unlearn.metrics.frechet import feature_distance


class FID(FeatureDistance):
    """Frechet distance (Heusel et al. 2017), equal to clean-fid's (Parmar et al. 2022) on the same features.

    Comparable only within one feature space: give the extractor's name beside the number. Both kinds of images must be
    in the range that the extractor expects; that they are in [0, 1] rather than [-1, 1] cannot be seen in them.

    Example:
        >>> import torch
        >>> from ignite_unlearn.metrics.features import FeatureExtractor
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
