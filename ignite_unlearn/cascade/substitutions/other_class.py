"""The image of the same latent under another class."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.utils.answers import answer, rows_of
from ignite_unlearn.utils.asked import CALL, COUNT, asks, maybe, whole


class OtherClass:
    """The image of the same latent under a retained class (conditional GANs; Sun et al. 2023 name other classes).

    Args:
        target: the retained class to go to; None: for each forgotten class the one whose mean image lies at the
            first quartile of distances. The nearest class is the one that a classifier mixes up with the forgotten
            one, and the way to a far one costs the other classes more.
        samples: how many images a class its mean is estimated from.
        left: ``(images, own images) -> bool mask``, which images are no longer what is to be forgotten, such as
            ``lambda images, own: classifier(images).argmax(1) != 3``. Classes of which more than one image in a
            hundred still is are passed over for the next farther one (after the farthest, the nearest); if all are, the
            one with the fewest is taken. None: no class is passed over.

    Raises:
        UnlearningError: when called for an unconditional GAN, or if ``target`` is not a retained class.

    Example:
        >>> substitution = OtherClass(target=1)
    """

    @asks(target=maybe(whole()), samples=COUNT, left=maybe(CALL))
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
        own = self._images(teacher, forgotten)
        # Images of one class at a time: all of them may be more than a phase holds else.
        apart = {c: (self._images(teacher, c).mean(0) - own.mean(0)).norm().item() for c in retained}
        nearest = sorted(retained, key=apart.__getitem__)
        quartile = (len(retained) - 1) // 4
        candidates = nearest[quartile:] + nearest[:quartile]
        if self.left is None:
            return candidates[0]
        staying = {}
        for c in candidates:
            staying[c] = int(
                (~answer("left", rows_of(len(own), torch.bool), self.left, self._images(teacher, c), own)).sum()
            )
            if staying[c] <= self.samples // 100:
                break
        return min(candidates[: len(staying)], key=staying.__getitem__)

    def _images(self, teacher: GAN, label: int) -> Tensor:
        # Latents of its own stream: the chosen class must not depend on when it is first asked for.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            latents = teacher.sample_latents(self.samples)
        labels = torch.full((self.samples,), label, device=teacher.device)
        return teacher.sample(self.samples, labels, latents=latents)
