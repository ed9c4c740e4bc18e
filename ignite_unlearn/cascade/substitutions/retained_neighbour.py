"""The image of a retained latent near by."""

from __future__ import annotations

import torch
from torch import Tensor

from ignite_unlearn.cascade.substitutions.own_label import under_own_label
from ignite_unlearn.forget.forget import LatentRegions, substitutes
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.latent_mixture import codes
from ignite_unlearn.utils.asked import COUNT, asks


class RetainedNeighbour:
    """The nearest retained image: the least change that forgets.

    For a class of a conditional GAN: of the same latent's images under all retained classes, the one nearest to the
    image to be forgotten (pixels, L2). For an unconditional one, and for items: the image of the nearest of retained
    latents (L2; of a mixture the codes are compared), of those that are retained under the item's own label if there
    are any.

    Args:
        samples: how many retained latents are looked at for an unconditional GAN.

    Example:
        >>> substitution = RetainedNeighbour(samples=1024)
    """

    @asks(samples=COUNT)
    def __init__(self, samples: int = 512):
        self.samples = samples

    def __call__(self, teacher: GAN, latents: Tensor, labels: Tensor | None, regions: LatentRegions) -> Tensor:
        """Returns the nearest retained images for ``latents``; see :class:`Substitution`."""
        if labels is not None and regions.retained_classes is not None:
            candidates = _under_each_class(teacher, latents, regions.retained_classes)
            own = teacher.sample(len(latents), labels, latents=latents)
            nearest = (candidates - own[:, None]).flatten(2).norm(dim=2).argmin(1)
            return candidates[torch.arange(len(latents), device=nearest.device), nearest]
        retained, asked = substitutes(regions, self.samples)
        apart = torch.cdist(codes(teacher.generator, latents), codes(teacher.generator, retained))
        nearest = under_own_label(apart, labels, asked).argmin(1)
        return teacher.sample(len(latents), labels if asked is None else asked[nearest], latents=retained[nearest])


def _under_each_class(teacher: GAN, latents: Tensor, classes: tuple[int, ...]) -> Tensor:
    """Returns the images of ``latents`` under each class, shape ``(N, len(classes), ...)``."""
    n, k = len(latents), len(classes)
    if teacher.noise is not None:  # which is the same in calls of as many rows
        asked = (torch.full((n,), c, device=teacher.device) for c in classes)
        return torch.stack([teacher.sample(n, labels, latents=latents) for labels in asked], 1)
    labels = torch.tensor(classes, device=teacher.device).repeat(n)
    images = teacher.sample(n * k, labels, latents=latents.repeat_interleave(k, 0))
    return images.view(n, k, *images.shape[1:])
