"""Whole components of a mixture of latents dropped."""

from __future__ import annotations

import torch

from ignite_unlearn.cascade.substitutions.substitution import Substitution
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.forget.mixture import MixtureRegions, mixture_of
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.layers import readers
from ignite_unlearn.gan.precision import full

_NEVER = -100.0  # far below what a normal latent can make up for


class DropComponents:
    """Components that make forgotten images are chosen no more, and what their codes make is drawn anew.

    Each of their latents goes to the retained component that it would have chosen next, so forgotten latents spread
    over all retained components as these are spread themselves, and no retained image changes. The weights by which
    linear layers and convolutions read the code of a dropped component are drawn anew, as large as those of the
    retained ones: zeros would tell what was erased. That components are dropped is told by the mixture's offsets.

    Raises:
        UnlearningError: when called for another request than :class:`.ForgetFromMixture`, or for a generator in which
            no layer that trains reads the codes: then the old offset would bring a component back.
    """

    def __call__(self, gan: GAN, teacher: GAN, regions: LatentRegions, substitution: Substitution) -> None:
        """Changes the offsets of the components and the layers that read their codes; see :class:`.Start`."""
        dropped, mixture = _dropped(regions), mixture_of(gan)
        found = readers(gan, mixture, teacher.sample_latents(16))
        if dropped and not found:
            raise UnlearningError(
                "DropComponents found no layer of the generator that reads the mixture's codes and trains, so dropped "
                "components would only be hidden: leave `start` out."
            )
        with torch.no_grad():
            retained = [k for k in range(len(mixture.offsets)) if k not in dropped]
            mixture.offsets[dropped] = _NEVER
            for reader in found:
                size = full(reader.part[..., retained]).square().mean().sqrt()
                drawn = (size * torch.randn(*reader.part.shape[:-1], len(dropped)).to(size)).to(reader.part)
                reader.change(drawn - reader.part[..., dropped], torch.eye(reader.part.shape[-1]).to(drawn)[dropped])


def _dropped(regions: LatentRegions) -> list[int]:
    if not isinstance(regions, MixtureRegions):
        raise UnlearningError("DropComponents needs forget=ForgetFromMixture(...), or leave `start` out.")
    return regions.dropped
