"""A level between two others."""

from __future__ import annotations

import torch
from torch import Tensor

from ignite_unlearn.cascade.fake_labels.fake_label import FakeLabel
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.utils.answers import answer
from ignite_unlearn.utils.asked import CALL, asks, kind, number


class Between:
    """A score between two fake labels: ``(1 - weight) * low + weight * high``, as live or frozen as the two are.

    Args:
        low: the fake label at weight 0, such as ``Generated()``.
        high: the fake label at weight 1, such as ``Unseen(images)``.
        weight: where between the two, in [0, 1].

    Raises:
        UnlearningError: if ``weight`` is outside [0, 1].

    Example:
        >>> import torch
        >>> from ignite_unlearn.cascade import Fixed
        >>> Between(Fixed(-1), Fixed(3), weight=0.25)(torch.zeros(1), None, None, None, None).tolist()
        [0.0]
    """

    @asks(low=CALL, high=CALL, weight=number())
    def __init__(self, low: FakeLabel, high: FakeLabel, weight: float = 0.5):
        if not 0 <= weight <= 1:
            raise UnlearningError(f"Between(..., weight={weight}) must be in [0, 1]: 0 is the first label.")
        self.low = low
        self.high = high
        self.weight = weight

    def __call__(self, scores: Tensor, gan: GAN, teacher: GAN, regions: LatentRegions, requests: Tensor) -> Tensor:
        """Returns the scores between the two; see :class:`FakeLabel`."""
        given, scored = (scores, gan, teacher, regions, requests), kind("scores as a tensor (N,)", Tensor)
        low, high = (answer("a fake label of Between()", scored, label, *given) for label in (self.low, self.high))
        return torch.lerp(low, high, self.weight)

    def unseen_images(self) -> list[Tensor]:
        """Returns the unseen images that the two fake labels were given, a set each."""
        return [images for label in (self.low, self.high) for images in getattr(label, "unseen_images", list)()]
