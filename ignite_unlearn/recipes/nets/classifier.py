"""Classifiers that a run measures with: their features are the space of its distances."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ignite_unlearn.recipes.data.image_data import ImageData


class FeatureClassifier(nn.Module):
    """Images ``(N, C, S, S)`` to class scores ``(N, K)``, by features ``(N, F)`` in which distances are measured.

    Args:
        features: images to features.
        scores: features to class scores.
    """

    def __init__(self, features: nn.Module, scores: nn.Module):
        super().__init__()
        self.features = features
        self.scores = scores

    def forward(self, images: Tensor) -> Tensor:
        """Returns class scores of ``images``."""
        return self.scores(self.features(images))


class SmallClassifier(FeatureClassifier):
    """A small convolutional net with 64 features.

    They are bounded and never dead, so that their covariance has full rank and kernels of them stay small.

    Args:
        classes: how many classes.
        size: height and width of the images, a multiple of 4.
        width: channels after the first convolution.
        channels: image channels.
    """

    def __init__(self, classes: int, *, size: int, width: int = 32, channels: int = 1):
        features = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(2 * width * (size // 4) ** 2, 64), nn.Tanh(),
        )  # fmt: skip
        super().__init__(features, nn.Linear(64, classes))
        self.to(memory_format=torch.channels_last)  # a third faster on a CPU, twice in evaluation


def small_classifier(data: ImageData) -> FeatureClassifier:
    """Returns a small classifier, untrained, for images of this size and these classes."""
    return SmallClassifier(data.classes, size=data.size, channels=data.channels)
