"""A request for classes of a generator whose latents choose a component of a mixture."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import Classifier, ForgetClasses
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.latent_mixture import LatentMixture, mixture_in
from ignite_unlearn.utils.asked import CALL, COUNT, asks, number

_PURE = 0.5  # of a component's images
_SAMPLES = 4096  # of these a component's share is estimated
_CHUNK = 512
_CHUNKS = 64


class ForgetFromMixture(ForgetClasses):
    """A request for classes of generators with a :class:`.LatentMixture`; goes with :class:`.DropComponents`.

    Args:
        classes: the classes, as the integers that label them.
        classifier: ``images (N, ...) -> class scores (N, K)``, finds them in images.
        pool: how many latents of forgotten images in kept components are looked up; fewer where few are found.
        above: the probability of the classes from which on an image shows them. Low, for what looks like a class to
            another classifier should go too.

    Raises:
        UnlearningError: as :class:`.ForgetClasses`.
    """

    @asks(classifier=CALL, pool=COUNT, above=number())
    def __init__(self, classes: Iterable[int], *, classifier: Classifier, pool: int = 256, above: float = 0.1):
        super().__init__(classes, classifier=classifier, pool=pool)
        self._above = above

    def regions(self, teacher: GAN) -> MixtureRegions:
        """Returns which components are to be dropped, and what then still shows the classes.

        Raises:
            UnlearningError: if the generator has no mixture, or all of its components make forgotten images.
        """
        return MixtureRegions(teacher, self._shown, self.pool)

    def _shown(self, images: Tensor) -> Tensor:
        return self._scores(images).softmax(1)[:, list(self.classes)].sum(1) > self._above


class MixtureRegions:
    """Where a generator with a mixture of latents makes forgotten images.

    Args:
        teacher: the frozen original GAN.
        shown: ``images (N, ...) -> bool mask (N,)``: which are to be forgotten.
        pool: how many latents of forgotten images in kept components are looked up.

    Attributes:
        dropped: the components of which more than half of the images are to be forgotten.

    Raises:
        UnlearningError: if the generator has no mixture, or ``dropped`` would be all of it.
    """

    retained_classes = None

    def __init__(self, teacher: GAN, shown: Callable[[Tensor], Tensor], pool: int):
        self._teacher, self._shown = teacher, shown
        mixture = mixture_of(teacher)
        latents = teacher.sample_latents(_SAMPLES)
        forgotten = self._find(latents)
        chosen, n = mixture.chosen(latents), len(mixture.offsets)
        shares = chosen[forgotten].bincount(minlength=n) / chosen.bincount(minlength=n).clamp_min(1)
        pure = shares > _PURE
        if pure.all():
            raise UnlearningError(
                "Every component of the mixture makes forgotten images: train the GAN longer, or with more components."
            )
        self.dropped: list[int] = pure.nonzero().flatten().tolist()
        self._retained = latents[~forgotten & ~pure[chosen]]
        found: list[Tensor] = []
        for _ in range(_CHUNKS):
            latents = teacher.sample_latents(_CHUNK)
            latents = latents[~pure[mixture.chosen(latents)]]
            found.append(latents[self._find(latents)])
            if sum(map(len, found)) >= pool:
                break
        self._forgotten = torch.cat(found)[:pool]

    def forgotten(self, n: int) -> tuple[Tensor, None]:
        """Returns ``n`` latents of components that are kept, whose images are to be forgotten; none where none are."""
        return _draw(self._forgotten, n), None

    def retained(self, n: int) -> tuple[Tensor, None]:
        """Returns ``n`` latents of components that are kept, whose images are to stay."""
        return _draw(self._retained, n), None

    def _find(self, latents: Tensor) -> Tensor:
        with torch.no_grad():
            parts = latents.split(_CHUNK)
            return torch.cat([self._shown(self._teacher.sample(len(part), latents=part)) for part in parts])


def mixture_of(gan: GAN) -> LatentMixture:
    """Returns the mixture of a GAN's generator.

    Raises:
        UnlearningError: if it has none.
    """
    mixture = mixture_in(gan.generator)
    if mixture is not None:
        return mixture
    raise UnlearningError(
        "The generator's latents are no LatentMixture: choose another `start` and another `substitution`, such as "
        "LatentDirection()."
    )


def _draw(pool: Tensor, n: int) -> Tensor:
    return pool[torch.randint(len(pool), (n,)).to(pool.device)] if len(pool) else pool
