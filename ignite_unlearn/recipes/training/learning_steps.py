"""Learning steps of the stock recipes: what a user's own loop does with a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, relu

from ignite_unlearn.recipes.settings import setting
from ignite_unlearn.recipes.training.augment import AUGMENTATIONS
from ignite_unlearn.recipes.training.precision import Precision
from ignite_unlearn.recipes.training.sent import sent


@dataclass(frozen=True)
class Players:
    """The two nets, their optimisers, how many dimensions a latent has, and the precision of the losses.

    ``conditional`` says whether the nets take labels.
    """

    generator: nn.Module
    discriminator: nn.Module
    g_optimizer: torch.optim.Optimizer
    d_optimizer: torch.optim.Optimizer
    latent: int
    precision: Precision
    conditional: bool

    def latents(self, real: Tensor) -> Tensor:
        """Returns as many latents as there are real images, drawn on the CPU so that every device sees the same."""
        return sent(torch.randn(len(real), self.latent), real.device)

    def asked(self, labels: Tensor) -> tuple[Tensor, ...]:
        """Returns what the nets take beside their first argument."""
        return (labels,) if self.conditional else ()


class LearningStep(Protocol):
    """One step of both nets: a frozen dataclass, whose settings ``--set`` can change."""

    @property
    def betas(self) -> tuple[float, float]:
        """Those of Adam."""

    def __call__(self, players: Players, real: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Takes the step on real images ``(N, C, H, W)`` with labels ``(N,)``, and returns the losses by name.

        Nothing in it may wait for the device.
        """


@dataclass(frozen=True)
class Hinge:
    """Hinge loss (Lim and Ye 2017; Miyato and Koyama 2018); real and generated images in one batch, both augmented."""

    augment: str = setting(
        "none", "what is done to images before the discriminator", choices=AUGMENTATIONS, before="none"
    )
    betas: ClassVar[tuple[float, float]] = (0.0, 0.9)

    def __call__(self, players: Players, real: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Takes one step; see :class:`LearningStep`."""
        generator, discriminator, n = players.generator, players.discriminator, len(real)
        augment = AUGMENTATIONS[self.augment]
        discriminator.requires_grad_(True)
        with players.precision.autocast():
            with torch.no_grad():
                fake = generator(players.latents(real), *players.asked(labels))
            shown = augment(torch.cat([real, fake]))
            scores = discriminator(shown, *players.asked(labels.repeat(2)))
            d_loss = relu(1 - scores[:n]).mean() + relu(1 + scores[n:]).mean()
        players.precision.descend(players.d_optimizer, d_loss)

        discriminator.requires_grad_(False)
        asked = players.asked(labels[sent(torch.randperm(n), labels.device)])
        with players.precision.autocast():
            g_loss = -discriminator(augment(generator(players.latents(real), *asked)), *asked).mean()
        players.precision.descend(players.g_optimizer, g_loss)
        return {"d_loss": d_loss.detach(), "g_loss": g_loss.detach()}


@dataclass(frozen=True)
class NonSaturating:
    """Unconditional, non-saturating cross-entropy (Goodfellow et al. 2014), as in Ignite's DCGAN example.

    Real and generated images are scored in batches of their own, so that BatchNorm sees either kind by itself.
    """

    betas: ClassVar[tuple[float, float]] = (0.5, 0.999)

    def __call__(self, players: Players, real: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Takes one step; see :class:`LearningStep`."""
        players.discriminator.requires_grad_(True)
        with players.precision.autocast():
            fake = players.generator(players.latents(real))
            d_loss = self._real_loss(players, real) + self._loss(players, fake.detach(), 0.0)
        players.precision.descend(players.d_optimizer, d_loss)

        players.discriminator.requires_grad_(False)
        with players.precision.autocast():
            g_loss = self._loss(players, fake, 1.0)
        players.precision.descend(players.g_optimizer, g_loss)
        return {"d_loss": d_loss.detach(), "g_loss": g_loss.detach()}

    def _real_loss(self, players: Players, real: Tensor) -> Tensor:
        return self._loss(players, real, 1.0)

    @staticmethod
    def _loss(players: Players, images: Tensor, target: float) -> Tensor:
        return _cross_entropy(players.discriminator(images), target)


@dataclass(frozen=True)
class NonSaturatingR1(NonSaturating):
    """The same with the R1 penalty: the squared slope of the score at real images (Mescheder et al. 2018).

    It lets a small GAN go on until it reproduces its images; without it the discriminator runs away from the generator.
    BatchNorm in the discriminator would mix the slopes of a batch's images.
    """

    penalty: float = setting(0.3, "weight of the discriminator's squared slope at real images", at_least=0)

    def _real_loss(self, players: Players, real: Tensor) -> Tensor:
        real = real.detach().requires_grad_()
        scores = players.discriminator(real)
        (slope,) = torch.autograd.grad(scores.sum(), real, create_graph=True)
        return _cross_entropy(scores, 1.0) + self.penalty * slope.square().flatten(1).sum(1).mean()


def _cross_entropy(scores: Tensor, target: float) -> Tensor:
    return binary_cross_entropy_with_logits(scores, torch.full_like(scores, target))
