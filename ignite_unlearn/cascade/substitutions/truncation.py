"""The latent moved towards a centre of retained ones."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ignite_unlearn.cascade.substitutions.latent_direction import slerp
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.precision import as_weights, full
from ignite_unlearn.utils.asked import COUNT, asks, number

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

    @asks(psi=number(), samples=COUNT)
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
            truncated = torch.lerp(centre, _map(mapping, latents, labels), self.psi)
            return full(synthesis(as_weights(truncated, synthesis)))

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


def _map(mapping: nn.Module, latents: Tensor, labels: Tensor | None) -> Tensor:
    takes = [p for p in inspect.signature(mapping.forward).parameters.values() if p.default is p.empty]
    given = as_weights(latents, mapping)
    return full(mapping(given, labels) if len(takes) > 1 or labels is not None else mapping(given))
