"""What the nets of a recipe are, and how a GAN is made of them."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import nn

from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.recipes.data.image_data import ImageData


class Nets(Protocol):
    """The two nets of a recipe's GAN: a frozen dataclass, whose settings ``--set`` can change."""

    @property
    def latent(self) -> int:
        """How many dimensions a latent has."""

    @property
    def conditional(self) -> bool:
        """Whether both nets take labels."""

    @property
    def components(self) -> int:
        """Components of the :class:`.LatentMixture` that latents choose from; 0: there is none."""

    def generator(self, data: ImageData) -> nn.Module:
        """Returns an untrained net for latents ``(N, latent)``, and labels ``(N,)`` if they are conditional."""

    def discriminator(self, data: ImageData) -> nn.Module:
        """Returns an untrained net for images like the data's, and labels ``(N,)`` if they are conditional."""

    def check(self) -> None:
        """Checks settings that each fit by themselves.

        Raises:
            UnlearningError: if they do not fit together.
        """


def new_gan(nets: Nets, data: ImageData, *, seed: int, device: torch.device) -> GAN:
    """Returns a GAN to be trained, initialised by a seed; torch's own stream is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        generator, discriminator = nets.generator(data), nets.discriminator(data)
    # Together with fused Adam a third faster on a CPU (68 to 45 ms an iteration of digits-class).
    for net in (generator, discriminator):
        net.to(device).to(memory_format=torch.channels_last)
    return GAN(generator, discriminator, latents=(nets.latent,), labels=data.classes if nets.conditional else None)


def trained_gan(gan: GAN, generator: nn.Module) -> GAN:
    """Returns a GAN with another generator, such as a moving average, and both nets thawed and in eval mode."""
    gan.discriminator.requires_grad_(True)
    return GAN(generator.eval(), gan.discriminator.eval(), latents=gan.latents, labels=gan.labels)
