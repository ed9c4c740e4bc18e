"""The same score for all."""

from __future__ import annotations

import torch
from torch import Tensor

from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.utils.asked import asks, kind


class Fixed:
    """The same score for all: a constant, so frozen and live are one.

    Args:
        score: the target, as a logit or critic value; -1 is the usual "generated" of a hinge loss.

    Example:
        >>> import torch
        >>> Fixed(-1.0)(torch.zeros(2), None, None, None, None).tolist()
        [-1.0, -1.0]
    """

    @asks(score=kind("a number", int, float))
    def __init__(self, score: float = -1.0):
        self.score = float(score)

    def __call__(self, scores: Tensor, gan: GAN, teacher: GAN, regions: LatentRegions, requests: Tensor) -> Tensor:
        """Returns the constant; see :class:`FakeLabel`."""
        return torch.full_like(scores, self.score)
