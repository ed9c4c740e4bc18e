"""Fake labels: the score that the discriminator is to give a forgotten image.

The specification is what a retrained discriminator does: a forgotten item becomes an *unseen* image, and a forgotten
class lies between unseen and generated images. (That the discriminator needs such a label is from the abstract of Sun
et al. 2023, arXiv 2308.09881; the choices below are ours.)
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget import LatentRegions
from ignite_unlearn.gan import GAN


class FakeLabel(Protocol):
    """Says which scores the discriminator is to give."""

    def __call__(self, scores: Tensor, gan: GAN, teacher: GAN, regions: LatentRegions) -> Tensor:
        """Returns the target score of every forgotten image.

        Args:
            scores: the present scores of the forgotten images, shape ``(N,)``, without gradients; N may be 0.
            gan: the GAN as it is now.
            teacher: the frozen original GAN.
            regions: where forgotten and retained images are made.

        Returns:
            Target scores of shape ``(N,)``, as logits or critic values.
        """


class Fixed:
    """The same score for all: a constant, so frozen and live are one.

    Args:
        score: the target, as a logit or critic value; -1 is the usual "generated" of a hinge loss.

    Example:
        >>> import torch
        >>> Fixed(-1.0)(torch.zeros(2), None, None, None).tolist()
        [-1.0, -1.0]
    """

    def __init__(self, score: float = -1.0):
        self.score = float(score)

    def __call__(self, scores: Tensor, gan: GAN, teacher: GAN, regions: LatentRegions) -> Tensor:
        """Returns the constant; see :class:`FakeLabel`."""
        return torch.full_like(scores, self.score)


class Generated:
    """The mean score of generated retained images: "this one is not real".

    Args:
        live: judge the present generator's images by the present discriminator; False: both as in the teacher.
        samples: how many images the mean is taken over.

    Example:
        >>> fake_label = Generated(live=True)
    """

    def __init__(self, *, live: bool = True, samples: int = 64):
        self.live = live
        self.samples = samples

    def __call__(self, scores: Tensor, gan: GAN, teacher: GAN, regions: LatentRegions) -> Tensor:
        """Returns the mean score of generated images; see :class:`FakeLabel`."""
        latents, labels = regions.retained(self.samples)
        source = gan if self.live else teacher
        return _level(scores, source, source.sample(self.samples, labels, latents=latents), labels)


class Unseen:
    """The mean score of unseen images: "this one may be real, but I was never trained on it".

    Args:
        images: real images that the GAN was never trained on, shape ``(M, ...)``, in the batch's value range.
        labels: their class labels ``(M,)``; needed where the discriminator takes labels.
        live: judge by the present discriminator; False: by the teacher's.
        samples: how many of the images are drawn for each step.

    Raises:
        UnlearningError: if ``images`` is empty or ``labels`` has another length.

    Example:
        >>> import torch
        >>> fake_label = Unseen(torch.zeros(100, 1, 16, 16), live=True)
    """

    def __init__(self, images: Tensor, labels: Tensor | None = None, *, live: bool = True, samples: int = 64):
        if len(images) == 0:
            raise UnlearningError("Unseen() needs at least one real image that the GAN was never trained on; got none.")
        if labels is not None and len(labels) != len(images):
            raise UnlearningError(f"Unseen() got {len(images)} images but {len(labels)} labels: give one an image.")
        self.images = images
        self.labels = labels
        self.live = live
        self.samples = samples

    def __call__(self, scores: Tensor, gan: GAN, teacher: GAN, regions: LatentRegions) -> Tensor:
        """Returns the mean score of unseen images; see :class:`FakeLabel`."""
        chosen = torch.randperm(len(self.images))[: self.samples].to(self.images.device)
        labels = None if self.labels is None else self.labels[chosen.to(self.labels.device)]
        return _level(scores, gan if self.live else teacher, self.images[chosen], labels)


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
        >>> Between(Fixed(-1), Fixed(3), weight=0.25)(torch.zeros(1), None, None, None).tolist()
        [0.0]
    """

    def __init__(self, low: FakeLabel, high: FakeLabel, weight: float = 0.5):
        if not 0 <= weight <= 1:
            raise UnlearningError(f"Between(..., weight={weight}) must be in [0, 1]: 0 is the first label.")
        self.low = low
        self.high = high
        self.weight = weight

    def __call__(self, scores: Tensor, gan: GAN, teacher: GAN, regions: LatentRegions) -> Tensor:
        """Returns the scores between the two; see :class:`FakeLabel`."""
        return torch.lerp(
            self.low(scores, gan, teacher, regions), self.high(scores, gan, teacher, regions), self.weight
        )


def _level(scores: Tensor, gan: GAN, images: Tensor, labels: Tensor | None) -> Tensor:
    # The caller has borrowed the live nets, so they are in eval mode here as the teacher's are.
    with torch.no_grad():
        return gan.score(images, labels).mean().to(scores.dtype).expand(len(scores))
