"""Substitutions that stay near: a forgotten latent is moved in latent space, and given the teacher's image there."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN

_STREAM = 0  # centres are looked for on a stream of their own: they must not depend on when they are first asked for


class Truncation:
    """The truncated latent's image (the truncation trick, Karras et al. 2019; Sun et al. 2023 name truncation).

    Where the generator has a mapping network, ``generator.mapping`` and ``generator.synthesis`` as in StyleGAN, the
    intermediate latent w becomes ``w_mean + psi * (w - w_mean)``. Else the latent is turned, on its shell, towards the
    centre: the sampled latent whose image is nearest to the mean image. (In z itself the mean is the origin, where a
    generator was never trained.)

    Args:
        psi: how much of the way from the centre is kept, in [0, 1]; 1 changes nothing.
        samples: how many latents the centre is looked for among.

    Raises:
        UnlearningError: if ``psi`` is outside [0, 1].

    Example:
        >>> substitution = Truncation(psi=0.3)
    """

    def __init__(self, psi: float = 0.5, *, samples: int = 512):
        if not 0 <= psi <= 1:
            raise UnlearningError(f"Truncation(psi={psi}) must be in [0, 1]: 1 keeps the latent, 0 gives the centre.")
        self.psi = psi
        self.samples = samples
        self._centre: Tensor | None = None
        self._centre_of: GAN | None = None

    def __call__(self, teacher: GAN, latents: Tensor, labels: Tensor | None, regions: LatentRegions) -> Tensor:
        """Returns the teacher's images of truncated latents; see :class:`.Substitution`."""
        mapping = getattr(teacher.generator, "mapping", None)
        synthesis = getattr(teacher.generator, "synthesis", None)
        if not isinstance(mapping, nn.Module) or not isinstance(synthesis, nn.Module):
            centre = self._cached(teacher, lambda: self._central_latent(teacher))
            return teacher.sample(len(latents), labels, latents=slerp(centre.expand_as(latents), latents, self.psi))
        with borrow(teacher.generator), torch.no_grad(), teacher.calling_generator():
            centre = self._cached(teacher, lambda: _map(mapping, *self._drawn(teacher)).mean(0))
            return synthesis(torch.lerp(centre, _map(mapping, latents, labels), self.psi))

    def _cached(self, teacher: GAN, make: Callable[[], Tensor]) -> Tensor:
        if self._centre is None or self._centre_of is not teacher:
            self._centre, self._centre_of = make(), teacher
        return self._centre

    def _drawn(self, teacher: GAN) -> tuple[Tensor, Tensor | None]:
        with borrow(seed=_STREAM):
            return teacher.sample_latents(self.samples), teacher.sample_labels(self.samples)

    def _central_latent(self, teacher: GAN) -> Tensor:
        latents, labels = self._drawn(teacher)
        images = teacher.sample(len(latents), labels, latents=latents).flatten(1)
        return latents[(images - images.mean(0)).norm(dim=1).argmin()]


class LatentDirection:
    """A walk in latent space to the nearest retained latent, ended where the image is another one.

    Args:
        left: ``(images, own images) -> bool mask``: which images are no longer what is to be forgotten, such as
            ``lambda images, own: classifier(images).argmax(1) != 3``. None: those nearer (pixels, L2) to the end of the
            walk than to its start.
        steps: into how many steps the walk is divided.
        samples: how many retained latents are looked at.

    Example:
        >>> substitution = LatentDirection(steps=16)
    """

    def __init__(self, left: Callable[[Tensor, Tensor], Tensor] | None = None, *, steps: int = 8, samples: int = 512):
        if steps < 1:
            raise UnlearningError(f"LatentDirection(steps={steps}) must be at least 1.")
        self.left = left
        self.steps = steps
        self.samples = samples

    def __call__(self, teacher: GAN, latents: Tensor, labels: Tensor | None, regions: LatentRegions) -> Tensor:
        """Returns the first images on the way that have left; see :class:`.Substitution`."""
        retained, retained_labels = regions.retained(self.samples)
        nearest = torch.cdist(normalize(latents.flatten(1)), normalize(retained.flatten(1))).argmin(1)
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
            return self.left(images, own)
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


def _map(mapping: nn.Module, latents: Tensor, labels: Tensor | None) -> Tensor:
    takes = [p for p in inspect.signature(mapping.forward).parameters.values() if p.default is p.empty]
    return mapping(latents, labels) if len(takes) > 1 or labels is not None else mapping(latents)
