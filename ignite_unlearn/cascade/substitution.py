"""Substitution mechanism: which image of the teacher a forgotten latent is given instead of its own.

Pushing a generator *away* from forgotten images tears its latent space; giving every forgotten latent an image that the
original generator makes elsewhere keeps the neighbourhood on the image manifold (the idea is from the abstract of Sun
et al. 2023, arXiv 2308.09881; the choices below are ours).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.gan import GAN


class Substitution(Protocol):
    """Chooses substitute images."""

    def __call__(self, teacher: GAN, latents: Tensor, labels: Tensor | None, regions: LatentRegions) -> Tensor:
        """Returns one substitute image for every forgotten latent.

        Args:
            teacher: the frozen original GAN.
            latents: forgotten latents, shape ``(N, ...)``.
            labels: their class labels ``(N,)``; None for an unconditional GAN.
            regions: where forgotten and retained images are made.

        Returns:
            Substitute images, shape ``(N, C, H, W)``, in the generator's value range.
        """


class OtherClass:
    """The image of the same latent under a retained class (conditional GANs; Sun et al. 2023 name other classes).

    Args:
        target: the retained class to go to; None: for each forgotten class the one whose mean image lies at the
            first quartile of distances. The nearest class is the one that a classifier mixes up with the forgotten
            one, and the way to a far one costs the other classes more.
        samples: how many images a class its mean is estimated from.
        left: ``(images, own images) -> bool mask``, which images are no longer what is to be forgotten, such as
            ``lambda images, own: classifier(images).argmax(1) != 3``. Classes of which some image still is are passed
            over for the next farther one (after the farthest, the nearest); if all are, the one with the fewest is
            taken. None: no class is passed over.

    Raises:
        UnlearningError: when called for an unconditional GAN, or if ``target`` is not a retained class.

    Example:
        >>> substitution = OtherClass(target=1)
    """

    def __init__(
        self, target: int | None = None, *, samples: int = 64, left: Callable[[Tensor, Tensor], Tensor] | None = None
    ):
        self.target = target
        self.samples = samples
        self.left = left
        self._chosen: dict[int, int] = {}
        self._chosen_for: GAN | None = None

    def __call__(self, teacher: GAN, latents: Tensor, labels: Tensor | None, regions: LatentRegions) -> Tensor:
        """Returns the teacher's images of ``latents`` under the target class; see :class:`Substitution`."""
        retained = regions.retained_classes
        if labels is None or retained is None:
            raise UnlearningError(
                "OtherClass needs a class request and a conditional GAN, GAN(..., labels=number of classes): use "
                "RetainedNeighbour()."
            )
        if self.target is not None and self.target not in retained:
            raise UnlearningError(f"OtherClass(target={self.target}) is not a retained class: choose of {retained}.")
        targets = torch.tensor([self._target(teacher, c, retained) for c in labels.tolist()], device=labels.device)
        return teacher.sample(len(latents), targets, latents=latents)

    def _target(self, teacher: GAN, forgotten: int, retained: tuple[int, ...]) -> int:
        if self.target is not None:
            return self.target
        if self._chosen_for is not teacher:
            self._chosen, self._chosen_for = {}, teacher
        if forgotten not in self._chosen:
            self._chosen[forgotten] = self._choose(teacher, forgotten, retained)
        return self._chosen[forgotten]

    def _choose(self, teacher: GAN, forgotten: int, retained: tuple[int, ...]) -> int:
        own, images = self._images(teacher, forgotten), {c: self._images(teacher, c) for c in retained}
        nearest = sorted(retained, key=lambda c: (images[c].mean(0) - own.mean(0)).norm().item())
        quartile = (len(retained) - 1) // 4
        candidates = nearest[quartile:] + nearest[:quartile]
        if self.left is None:
            return candidates[0]
        staying = {}
        for c in candidates:
            staying[c] = int((~self.left(images[c], own)).sum())
            if staying[c] == 0:
                break
        return min(candidates[: len(staying)], key=staying.__getitem__)

    def _images(self, teacher: GAN, label: int) -> Tensor:
        # Latents of its own stream: the chosen class must not depend on when it is first asked for.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            latents = teacher.sample_latents(self.samples)
        labels = torch.full((self.samples,), label, device=teacher.device)
        return teacher.sample(self.samples, labels, latents=latents)


class MeanImage:
    """The mean of retained images: one picture for every forgotten latent (Sun et al. 2023 name averages).

    For a class of a conditional GAN the mean is over the same latents under all retained classes, else over ``samples``
    retained latents. It is off the image manifold wherever classes differ much; kept to be compared against.

    Args:
        samples: how many retained images are averaged for an unconditional GAN.

    Example:
        >>> substitution = MeanImage(samples=128)
    """

    def __init__(self, samples: int = 256):
        self.samples = samples

    def __call__(self, teacher: GAN, latents: Tensor, labels: Tensor | None, regions: LatentRegions) -> Tensor:
        """Returns mean images for ``latents``; see :class:`Substitution`."""
        if labels is not None and regions.retained_classes is not None:
            return _under_each_class(teacher, latents, regions.retained_classes).mean(1)
        retained, retained_labels = regions.retained(self.samples)
        mean = teacher.sample(len(retained), retained_labels, latents=retained).mean(0)
        return mean.expand(len(latents), *mean.shape)


class RetainedNeighbour:
    """The nearest retained image: the least change that forgets.

    For a class of a conditional GAN: of the same latent's images under all retained classes, the one nearest to the
    image to be forgotten (pixels, L2). For an unconditional one, and for items: the image of the nearest latent (L2)
    among retained latents, under the item's own label if there are any.

    Args:
        samples: how many retained latents are looked at for an unconditional GAN.

    Example:
        >>> substitution = RetainedNeighbour(samples=1024)
    """

    def __init__(self, samples: int = 512):
        self.samples = samples

    def __call__(self, teacher: GAN, latents: Tensor, labels: Tensor | None, regions: LatentRegions) -> Tensor:
        """Returns the nearest retained images for ``latents``; see :class:`Substitution`."""
        if labels is not None and regions.retained_classes is not None:
            candidates = _under_each_class(teacher, latents, regions.retained_classes)
            own = teacher.sample(len(latents), labels, latents=latents)
            nearest = (candidates - own[:, None]).flatten(2).norm(dim=2).argmin(1)
            return candidates[torch.arange(len(latents), device=nearest.device), nearest]
        retained, _ = regions.retained(self.samples)
        nearest = torch.cdist(latents.flatten(1), retained.flatten(1)).argmin(1)
        return teacher.sample(len(latents), labels, latents=retained[nearest])


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


def _under_each_class(teacher: GAN, latents: Tensor, classes: tuple[int, ...]) -> Tensor:
    """Returns the images of ``latents`` under each class, shape ``(N, len(classes), ...)``."""
    n, k = len(latents), len(classes)
    if teacher.noise is not None:  # which is the same in calls of as many rows
        asked = (torch.full((n,), c, device=teacher.device) for c in classes)
        return torch.stack([teacher.sample(n, labels, latents=latents) for labels in asked], 1)
    labels = torch.tensor(classes, device=teacher.device).repeat(n)
    images = teacher.sample(n * k, labels, latents=latents.repeat_interleave(k, 0))
    return images.view(n, k, *images.shape[1:])
