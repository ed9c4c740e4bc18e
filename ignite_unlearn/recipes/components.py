"""Forgetting whole components of a mixture of latents: what of class unlearning needs no gradient step."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ignite_unlearn.borrow import borrow
from ignite_unlearn.closed_form import readers
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget import LatentRegions
from ignite_unlearn.gan import GAN
from ignite_unlearn.recipes.mixture import LatentMixture
from ignite_unlearn.substitution import Substitution

_STREAM = 0  # a stream of their own: start and substitution must see the same components, whenever they look
_NEVER = -100.0  # far below what a normal latent can make up for
_PURE = 0.9  # of as many forgotten as retained latents; with one class of ten, half of a component's images
_SAMPLES = 2048
_TRIES = 4


class DropComponents:
    """Components that make forgotten images are chosen no more, and their codes are erased from what reads them.

    Each of their latents goes to the retained component that it would have chosen next, so forgotten latents spread
    over all retained components as these are spread themselves, and no retained image changes.

    Raises:
        UnlearningError: when called for a generator without a :class:`.LatentMixture`, or if no component would be
            left.
    """

    def __call__(self, gan: GAN, teacher: GAN, regions: LatentRegions, substitution: Substitution) -> None:
        """Changes the offsets of the components and the layers that read their codes; see :class:`.Start`."""
        mixture, latents = mixture_of(gan), teacher.sample_latents(16)
        dropped = forgotten_components(teacher, regions)
        found = readers(gan, mixture, latents)
        with torch.no_grad():
            mixture.offsets[dropped] = _NEVER
            for weight, columns in found:
                weight[:, columns][:, dropped] = 0


class OtherComponent:
    """The image of the same latent under another component: the one it would choose next among retained ones.

    That is what :class:`DropComponents` gives the latents of dropped components. A forgotten image of a component that
    is kept goes to yet another one.

    Args:
        left: ``(images, own images) -> bool mask``: which images are no longer what is to be forgotten; where one still
            is, the component after the next is tried. None: the next is taken.

    Raises:
        UnlearningError: when called for a generator without a :class:`.LatentMixture`.
    """

    def __init__(self, left: Callable[[Tensor, Tensor], Tensor] | None = None):
        self.left = left
        self._dropped: list[int] = []
        self._of: GAN | None = None

    def __call__(self, teacher: GAN, latents: Tensor, labels: Tensor | None, regions: LatentRegions) -> Tensor:
        """Returns the teacher's images of moved latents; see :class:`.Substitution`."""
        mixture = mixture_of(teacher)
        if self._of is not teacher:
            self._dropped, self._of = forgotten_components(teacher, regions), teacher
        own = teacher.sample(len(latents), labels, latents=latents)
        images, moved = own.clone(), latents.clone()
        staying = torch.arange(len(latents), device=own.device)
        for _ in range(_TRIES):
            chosen = mixture.chosen(moved[staying])
            moved[staying, chosen] = _NEVER
            moved[:, self._dropped] = _NEVER
            asked = None if labels is None else labels[staying]
            images[staying] = teacher.sample(len(staying), asked, latents=moved[staying])
            if self.left is None:
                break
            staying = staying[~self.left(images[staying], own[staying])]
            if len(staying) == 0:
                break
        return images


def mixture_of(gan: GAN) -> LatentMixture:
    """Returns the mixture of a GAN's generator.

    Raises:
        UnlearningError: if it has none.
    """
    for module in gan.generator.modules():
        if isinstance(module, LatentMixture):
            return module
    raise UnlearningError(
        "The generator's latents are no LatentMixture: choose another `start` and another `substitution`, such as "
        "LatentDirection()."
    )


def forgotten_components(teacher: GAN, regions: LatentRegions) -> list[int]:
    """Returns the components that make forgotten images and hardly any other.

    Raises:
        UnlearningError: if these are all.
    """
    mixture = mixture_of(teacher)
    with borrow(seed=_STREAM):
        drawn = (regions.forgotten(_SAMPLES)[0], regions.retained(_SAMPLES)[0])
    forgotten, retained = (
        mixture.chosen(latents).bincount(minlength=len(mixture.offsets)) / max(1, len(latents)) for latents in drawn
    )
    pure = forgotten > _PURE * (forgotten + retained)
    if pure.all():
        raise UnlearningError("Every component of the mixture makes forgotten images: retrain with more components.")
    return pure.nonzero().flatten().tolist()
