"""Noise: a control."""

from __future__ import annotations

import torch
from torch import Tensor

from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.gan import GAN


class Noise:
    """Uniform noise in the teacher's value range: a control, far off the image manifold.

    Example:
        >>> substitution = Noise()
    """

    def __call__(self, teacher: GAN, latents: Tensor, labels: Tensor | None, regions: LatentRegions) -> Tensor:
        """Returns noise images for ``latents``; see :class:`Substitution`."""
        images = teacher.sample(len(latents), labels, latents=latents)
        low, high = images.min(), images.max()
        return low + (high - low) * torch.rand(images.shape).to(images)
