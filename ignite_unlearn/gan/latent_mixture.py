"""A mixture of latents, for generators that know no classes but should leave nothing between them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ignite_unlearn.utils.asked import COUNT, asks


class LatentMixture(nn.Module):
    """Latents ``(N, components + rest)``, or ``(N, components + rest, 1, 1)``, to codes of the same shape.

    A code is that of the chosen component, and beside it the rest of the latent as it is.

    The largest of the first ``components`` dimensions chooses, so that normal latents choose uniformly; unlike images
    then need not be joined by images between them (mixtures of latents: Gurumurthy et al. 2017).

    Args:
        components: how many there are.

    Example:
        >>> LatentMixture(2)(torch.tensor([[0.1, 0.7, 3.0]])).tolist()
        [[0.0, 1.0, 3.0]]
    """

    @asks(components=COUNT)
    def __init__(self, components: int):
        super().__init__()
        # Not learned: a component whose offset is far below zero is never chosen.
        self.offsets = nn.Parameter(torch.zeros(components), requires_grad=False)

    def chosen(self, latents: Tensor) -> Tensor:
        """Returns the components ``(N,)`` that latents choose."""
        return (latents.flatten(1)[:, : len(self.offsets)] + self.offsets).argmax(1)

    def forward(self, latents: Tensor) -> Tensor:
        """Returns the codes, as long as the rest is on average, and the rest."""
        rest = latents.flatten(1)[:, len(self.offsets) :]
        code = one_hot(self.chosen(latents), len(self.offsets)).to(rest.dtype)
        return torch.cat([code * math.sqrt(rest.shape[1]), rest], 1).view_as(latents)


def mixture_in(generator: nn.Module) -> LatentMixture | None:
    """Returns the mixture of a generator; None where it has none."""
    return next((module for module in generator.modules() if isinstance(module, LatentMixture)), None)


def codes(generator: nn.Module, latents: Tensor) -> Tensor:
    """Returns latents ``(N, ...)`` as the generator's layers see them, ``(N, D)``; near codes are drawn alike.

    Two latents of a mixture can be far apart and choose one component, or be near and choose two. Without a mixture
    codes are the latents, and so they are where these are too short for what the mixture reads.

    Example:
        >>> codes(LatentMixture(2), torch.tensor([[0.1, 0.7, 3.0], [-9.0, 2.0, 3.0]])).tolist()
        [[0.0, 1.0, 3.0], [0.0, 1.0, 3.0]]
    """
    mixture, flat = mixture_in(generator), latents.flatten(1)
    return flat if mixture is None or flat.shape[1] < len(mixture.offsets) else mixture(flat)
