"""Proof by behaviour that nets can be borrowed and copied: what cannot be seen in objects is seen in answers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.state import state_kept
from ignite_unlearn.gan.streams import seeded
from ignite_unlearn.gan.trained import trained_parameters


def doubts(gan: GAN, rows: int = 4) -> list[str]:
    """Returns a sentence for each net that cannot be put back, or whose copy goes on calling the original.

    A net is asked the same twice: if it answers otherwise, it keeps state that was not found. Then the weights of a
    copy are changed: if its answer stays, or the original's changes, it is no copy. Nothing is changed for good.

    Args:
        gan: the GAN.
        rows: how many images are asked about at once; some discriminators need full groups.

    Raises:
        UnlearningError: if a net cannot be called or copied.

    Example:
        >>> from torch import nn
        >>> netG, netD = nn.Linear(2, 4), nn.Linear(4, 1)
        >>> doubts(GAN(netG, netD, latents=(2,)))
        []
        >>> print(*doubts(GAN(netG, netD, latents=(2,), generate=lambda net, z, y: netG(z))))
        A copy of the generator answers as the original does when only the copy's weights change: it calls the ...
    """
    copied = gan.teacher()
    with borrow(gan.generator, gan.discriminator, seed=0), torch.no_grad():
        latents, labels = gan.sample_latents(rows), gan.sample_labels(rows)
        images = gan.sample(rows, labels, latents=latents)
    asks: dict[str, Callable[[GAN], Tensor]] = {
        "generator": lambda asked: asked.generate(latents, labels),
        "discriminator": lambda asked: asked.score(images, labels),
    }
    return [sentence for what, ask in asks.items() for sentence in _doubts_of(gan, copied, what, ask)]


def _doubts_of(gan: GAN, copied: GAN, what: str, ask: Callable[[GAN], Tensor]) -> list[str]:
    net, other = getattr(gan, what), getattr(copied, what)

    def answer(asked: GAN) -> Tensor:
        mine = getattr(asked, what)
        with borrow(mine), seeded(mine, 0), torch.no_grad():
            return ask(asked).detach().clone()

    first, again = answer(gan), answer(gan)
    if not _alike(first, again):
        return [
            f"The {what} answers the same question in two ways, though all that was found of its state was put back: "
            "it keeps state where none can see it, or its operations are not deterministic. Keep what it remembers in "
            "buffers or attributes of its modules."
        ]
    if not any(p.numel() for p in net.parameters()):
        return []
    with state_kept(other, trained=()), torch.no_grad():
        for parameter in trained_parameters(other):
            if parameter.is_floating_point():
                parameter.mul_(0.5).add_(torch.linspace(-0.1, 0.1, parameter.numel()).view_as(parameter).to(parameter))
        if _alike(answer(copied), first) or not _alike(answer(gan), first):
            return [
                f"A copy of the {what} answers as the original does when only the copy's weights change: it calls the "
                "original, such as by a global name. Let its forward, or the callable that GAN(...) was given, use the "
                "net that it is handed."
            ]
    return []


def _alike(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    # Some operations on CUDA add up in any order.
    exact = torch.equal(one.nan_to_num(), other.nan_to_num())
    return exact or (one.is_cuda and torch.allclose(one, other, rtol=1e-3, atol=1e-4, equal_nan=True))
