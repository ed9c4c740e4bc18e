"""The latent moved along a direction, until its image has left."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ignite_unlearn.cascade.substitutions.own_label import under_own_label
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import LatentRegions, substitutes
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.latent_mixture import codes
from ignite_unlearn.utils.answers import answer, rows_of
from ignite_unlearn.utils.asked import CALL, COUNT, asks, maybe


class LatentDirection:
    """A walk in latent space to the nearest retained latent, ended where the image is another one.

    Nearest is the one in the most similar direction, of a mixture that of its code; for items, of those that are
    retained under the item's own label if there are any.

    Args:
        left: ``(images, own images) -> bool mask``: which images are no longer what is to be forgotten, such as
            ``lambda images, own: classifier(images).argmax(1) != 3``. None: those nearer (pixels, L2) to the end of the
            walk than to its start.
        steps: into how many steps the walk is divided.
        samples: how many retained latents are looked at.

    Example:
        >>> substitution = LatentDirection(steps=16)
    """

    @asks(left=maybe(CALL), steps=COUNT, samples=COUNT)
    def __init__(self, left: Callable[[Tensor, Tensor], Tensor] | None = None, *, steps: int = 8, samples: int = 512):
        if steps < 1:
            raise UnlearningError(f"LatentDirection(steps={steps}) must be at least 1.")
        self.left = left
        self.steps = steps
        self.samples = samples

    def __call__(self, teacher: GAN, latents: Tensor, labels: Tensor | None, regions: LatentRegions) -> Tensor:
        """Returns the first images on the way that have left; see :class:`.Substitution`."""
        retained, retained_labels = substitutes(regions, self.samples)
        start, end = (normalize(codes(teacher.generator, each)) for each in (latents, retained))
        nearest = under_own_label(torch.cdist(start, end), labels, retained_labels).argmin(1)
        # Where classes are what is forgotten, the walk is under the label that it leads to.
        asked = labels if regions.retained_classes is None or retained_labels is None else retained_labels[nearest]
        n, k = len(latents), self.steps
        way = torch.cat([slerp(latents, retained[nearest], i / k) for i in range(1, k + 1)])
        images = teacher.sample(n * k, None if asked is None else asked.repeat(k), latents=way)
        own = teacher.sample(n, labels, latents=latents)
        images = images.view(k, n, *own.shape[1:])
        gone = torch.stack([self._has_left(step, own, images[-1]) for step in images])
        gone[-1] = True  # the retained latent itself is always an answer
        first = gone.to(torch.uint8).argmax(0)
        return images[first, torch.arange(n, device=images.device)]

    def _has_left(self, images: Tensor, own: Tensor, end: Tensor) -> Tensor:
        if self.left is not None:
            return answer("left", rows_of(len(images), torch.bool), self.left, images, own)
        return (images - end).flatten(1).norm(dim=1) < (images - own).flatten(1).norm(dim=1)


def slerp(start: Tensor, end: Tensor, share: float) -> Tensor:
    """Returns latents on the great circle from ``start`` to ``end`` ``(N, ...)``; the norm goes along linearly."""
    a, b = start.flatten(1), end.flatten(1)
    angle = (normalize(a, dim=1) * normalize(b, dim=1)).sum(1, keepdim=True).clamp(-1, 1).acos()
    sine = angle.sin().clamp_min(1e-6)
    turned = ((1 - share) * angle).sin() / sine * normalize(a, dim=1) + (share * angle).sin() / sine * normalize(
        b, dim=1
    )
    norm = torch.lerp(a.norm(dim=1, keepdim=True), b.norm(dim=1, keepdim=True), share)
    # Where both point the same way the circle is undefined, and either will do.
    turned = torch.where(angle < 1e-3, normalize(b, dim=1), turned)
    return (turned * norm).view_as(start)
