"""A mean of retained images."""

from __future__ import annotations

import torch
from torch import Tensor

from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.utils.asked import COUNT, asks


class MeanImage:
    """The mean of retained images: one picture for every forgotten latent (Sun et al. 2023 name averages).

    For a class of a conditional GAN the mean is over the same latents under all retained classes, else over ``samples``
    retained latents. It is off the image manifold wherever classes differ much; kept to be compared against.

    Args:
        samples: how many retained images are averaged for an unconditional GAN.

    Example:
        >>> substitution = MeanImage(samples=128)
    """

    @asks(samples=COUNT)
    def __init__(self, samples: int = 256):
        self.samples = samples

    def __call__(self, teacher: GAN, latents: Tensor, labels: Tensor | None, regions: LatentRegions) -> Tensor:
        """Returns mean images for ``latents``; see :class:`Substitution`."""
        if labels is not None and regions.retained_classes is not None:
            return _under_each_class(teacher, latents, regions.retained_classes).mean(1)
        retained, retained_labels = regions.retained(self.samples)
        mean = teacher.sample(len(retained), retained_labels, latents=retained).mean(0)
        return mean.expand(len(latents), *mean.shape)


def _under_each_class(teacher: GAN, latents: Tensor, classes: tuple[int, ...]) -> Tensor:
    """Returns the images of ``latents`` under each class, shape ``(N, len(classes), ...)``."""
    n, k = len(latents), len(classes)
    if teacher.noise is not None:  # which is the same in calls of as many rows
        asked = (torch.full((n,), c, device=teacher.device) for c in classes)
        return torch.stack([teacher.sample(n, labels, latents=latents) for labels in asked], 1)
    labels = torch.tensor(classes, device=teacher.device).repeat(n)
    images = teacher.sample(n * k, labels, latents=latents.repeat_interleave(k, 0))
    return images.view(n, k, *images.shape[1:])
