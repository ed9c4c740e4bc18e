"""Learning steps of the stock recipes: what a user's own loop does with a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, relu

from ignite_unlearn.recipes.training.precision import Precision


@dataclass(frozen=True)
class Players:
    """The two nets, their optimisers, how many dimensions a latent has, and the precision of the losses.

    ``augment`` changes the images that the discriminator sees, where the learning step knows of it.
    """

    generator: nn.Module
    discriminator: nn.Module
    g_optimizer: torch.optim.Optimizer
    d_optimizer: torch.optim.Optimizer
    latent: int
    precision: Precision
    augment: Callable[[Tensor], Tensor] = lambda images: images

    def latents(self, real: Tensor) -> Tensor:
        """Returns as many latents as there are real images, drawn on the CPU so that every device sees the same."""
        return sent(torch.randn(len(real), self.latent), real.device)


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """Returns a tensor of the CPU on ``device``; a GPU goes on with its work meanwhile."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


class LearningStep(Protocol):
    """One step of both nets; ``betas`` are Adam's."""

    betas: tuple[float, float]

    def __call__(self, players: Players, real: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Takes the step on real images ``(N, C, H, W)`` with labels ``(N,)``, and returns the losses by name.

        Nothing in it may wait for the device.
        """


class HingeStep:
    """Hinge loss (Lim and Ye 2017; Miyato and Koyama 2018); real and generated images in one batch, both augmented.

    Args:
        conditional: whether the nets take labels.
    """

    betas = (0.0, 0.9)

    def __init__(self, *, conditional: bool = True):
        self._conditional = conditional

    def __call__(self, players: Players, real: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Takes one step; see :class:`LearningStep`."""
        generator, discriminator, n = players.generator, players.discriminator, len(real)
        discriminator.requires_grad_(True)
        with players.precision.autocast():
            with torch.no_grad():
                fake = generator(players.latents(real), *self._asked(labels))
            shown = players.augment(torch.cat([real, fake]))
            scores = discriminator(shown, *self._asked(labels.repeat(2)))
            d_loss = relu(1 - scores[:n]).mean() + relu(1 + scores[n:]).mean()
        players.precision.descend(players.d_optimizer, d_loss)

        discriminator.requires_grad_(False)
        asked = self._asked(labels[sent(torch.randperm(n), labels.device)])
        with players.precision.autocast():
            g_loss = -discriminator(players.augment(generator(players.latents(real), *asked)), *asked).mean()
        players.precision.descend(players.g_optimizer, g_loss)
        return {"d_loss": d_loss.detach(), "g_loss": g_loss.detach()}

    def _asked(self, labels: Tensor) -> tuple[Tensor, ...]:
        return (labels,) if self._conditional else ()


class DCGANStep:
    """Unconditional, non-saturating cross-entropy (Goodfellow et al. 2014), as in Ignite's DCGAN example.

    Real and generated images are scored in batches of their own, so that BatchNorm sees either kind by itself.
    """

    betas = (0.5, 0.999)

    def __call__(self, players: Players, real: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Takes one step; see :class:`LearningStep`."""
        players.discriminator.requires_grad_(True)
        with players.precision.autocast():
            fake = players.generator(players.latents(real))
            d_loss = self._loss(players, real, 1.0) + self._loss(players, fake.detach(), 0.0)
        players.precision.descend(players.d_optimizer, d_loss)

        players.discriminator.requires_grad_(False)
        with players.precision.autocast():
            g_loss = self._loss(players, fake, 1.0)
        players.precision.descend(players.g_optimizer, g_loss)
        return {"d_loss": d_loss.detach(), "g_loss": g_loss.detach()}

    @staticmethod
    def _loss(players: Players, images: Tensor, target: float) -> Tensor:
        scores = players.discriminator(images)
        return binary_cross_entropy_with_logits(scores, torch.full_like(scores, target))
