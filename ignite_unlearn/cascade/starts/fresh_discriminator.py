"""A discriminator that begins again: it never saw what is to be forgotten, so it cannot take it up again."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.nn.utils import parametrize

from ignite_unlearn.cascade.descent import Descent, OptimizerFactory, filled
from ignite_unlearn.cascade.substitutions.substitution import Substitution
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.precision import gradients_of
from ignite_unlearn.gan.trained import trained_parameters
from ignite_unlearn.utils.asked import COUNT, IMAGES, LABELS, MAKER, asks, maybe, number

_BRIEFLY = 2  # steps of a look


def _adam(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, 1e-3, betas=(0.5, 0.99))


class FreshDiscriminator:
    """Gives the discriminator new weights, and trains it for a while on retained images against the generator's.

    A memory that is only pushed down comes up again within a few hundred learning steps, and leads the generator back.
    A discriminator that begins with new weights, and from then on sees retained images alone, has no memory of the
    forget set, whatever it is asked. It also loses its memory of *retained* images, part of which learning gives back.

    Weights are drawn as their layers draw them at first, or, where a layer does not say how, from a normal distribution
    as wide as the trained ones are. What does not train stays as it is. The loss is the non-saturating one with an R1
    penalty (Mescheder et al. 2018), whatever the loop's is: the loop's own goes on after it.

    Args:
        images: retained images ``(M, ...)``, in the batch's value range. None may be in the forget set.
        labels: their class labels ``(M,)``; needed where the discriminator takes labels.
        steps: of the warm-up.
        batch_size: images of either kind in one of these steps.
        penalty: weight of R1; 0: none.
        optimizer: makes the warm-up's own optimiser of the parameters.

    Raises:
        UnlearningError: if there are no images, or a number does not fit; when called, if the GAN is conditional and no
            labels are given.

    Example:
        >>> start = FreshDiscriminator(torch.zeros(8, 1, 4, 4), steps=50)
    """

    @asks(
        images=IMAGES,
        labels=maybe(LABELS),
        steps=COUNT,
        batch_size=COUNT,
        penalty=number(),
        optimizer=MAKER,
    )
    def __init__(
        self,
        images: Tensor,
        labels: Tensor | None = None,
        *,
        steps: int = 200,
        batch_size: int = 64,
        penalty: float = 0.3,
        optimizer: OptimizerFactory = _adam,
    ):
        if not len(images) or min(steps, batch_size) < 1 or penalty < 0:
            raise UnlearningError(
                f"FreshDiscriminator() got {len(images)} images, steps={steps}, batch_size={batch_size}, "
                f"penalty={penalty}: the first three must be positive, the last not negative."
            )
        if labels is not None and len(labels) != len(images):
            raise UnlearningError(f"FreshDiscriminator() got {len(images)} images but {len(labels)} labels.")
        self.images, self.labels = images, labels
        self.steps, self.batch_size, self.penalty, self.optimizer = steps, batch_size, penalty, optimizer

    def retained_images(self) -> list[tuple[Tensor, Tensor | None]]:
        """Returns the images that it trains on, with their labels: the phase refuses those that are to be forgotten."""
        return [(self.images, self.labels)]

    def briefly(self) -> FreshDiscriminator:
        """Returns a start of few steps, for a look before a run."""
        brief = copy.copy(self)
        brief.steps = min(self.steps, _BRIEFLY)
        return brief

    def __call__(self, gan: GAN, teacher: GAN, regions: LatentRegions, substitution: Substitution) -> None:
        """Changes the discriminator; see :class:`.Start`."""
        if gan.labels is not None and self.labels is None:
            raise UnlearningError(
                "The GAN is conditional: give the images' class labels, FreshDiscriminator(images, labels)."
            )
        parameters = trained_parameters(gan.discriminator)
        _draw_anew(gan.discriminator, parameters)
        gan.discriminator.train()  # statistics of the batch: those that were kept are of other features
        descent = Descent(parameters, self.optimizer)
        for _ in range(self.steps):
            gradients = gradients_of(self._loss(gan, regions), parameters)
            descent.step(parameters, filled(parameters, gradients))

    def _loss(self, gan: GAN, regions: LatentRegions) -> Tensor:
        chosen = torch.randint(len(self.images), (self.batch_size,))
        real = self.images[chosen.to(self.images.device)].to(gan.device).requires_grad_()
        labels = None if self.labels is None else self.labels[chosen.to(self.labels.device)].to(gan.device)
        latents, asked = regions.retained(self.batch_size)
        fake = gan.sample(self.batch_size, asked, latents=latents)
        scores = gan.score(real, labels)
        loss = softplus(-scores).mean() + softplus(gan.score(fake, asked)).mean()
        if self.penalty:
            (slope,) = torch.autograd.grad(scores.sum(), real, create_graph=True)
            loss = loss + self.penalty * slope.square().flatten(1).sum(1).mean()
        return loss


@torch.no_grad()
def _draw_anew(net: nn.Module, parameters: list[nn.Parameter]) -> None:
    """Draws the weights of a net that train anew."""
    waiting = {id(parameter): parameter for parameter in parameters}
    for module in net.modules():
        mine = [p for p in module._parameters.values() if p is not None]
        reset = getattr(module, "reset_parameters", None)
        if mine and callable(reset) and not parametrize.is_parametrized(module) and all(id(p) in waiting for p in mine):
            before = [p.clone() for p in mine]
            reset()
            for parameter, old in zip(mine, before, strict=True):
                # Old spectral and weight norm draw a tensor that is computed from the parameter, which stays.
                if parameter.dim() < 2 or not torch.equal(parameter, old):
                    waiting.pop(id(parameter), None)
    for parameter in waiting.values():
        if parameter.dim() == 0 or parameter.numel() == len(parameter):  # one number a channel: a bias, or a gain
            parameter.fill_(float(parameter.mean()))
        else:
            parameter.normal_(0.0, float(parameter.std()))
