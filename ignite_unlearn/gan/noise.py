"""Generators that draw noise of their own: two are compared under the same noise, or the comparison punishes noise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.streams import read_stream, read_streams, same_states, streams_of


def draws_noise(gan: GAN, latents: Tensor, labels: Tensor | None) -> bool:
    """Returns whether a GAN's generator draws noise of its own, in eval mode; it is called once to find out.

    Args:
        gan: the GAN.
        latents: some, ``(N, ...)``; two are enough.
        labels: their class labels ``(N,)``; None for an unconditional GAN.
    """
    if gan.draws_noise is None:
        devices = {p.device for p in gan.generator.parameters() if p.device.type == "cuda"}

        def streams() -> list[Any]:
            return [*read_streams(devices), *(read_stream(stream) for stream in streams_of(gan.generator))]

        with borrow(gan.generator), torch.no_grad():
            before = streams()
            gan.generate(latents, labels)
            gan.draws_noise = not same_states(before, streams())
    return gan.draws_noise


@contextmanager
def same_noise(gan: GAN, teacher: GAN, latents: Tensor, labels: Tensor | None) -> Iterator[bool]:
    """Gives whether a generator draws noise, and if so, lets both draw the same in every call of as many rows.

    Inside the body ``sample`` makes as many images at once as there are latents. Of a generator that draws nothing,
    nothing changes.

    Args:
        gan: the GAN that is changed.
        teacher: the GAN that it is compared with.
        latents: what images are made of, ``(N, ...)``.
        labels: their class labels ``(N,)``; None for an unconditional GAN.

    Example:
        >>> from torch import nn
        >>> class Generator(nn.Linear):
        ...     def forward(self, z):
        ...         return super().forward(z) + torch.randn(len(z), 4)
        >>> gan, z = GAN(Generator(2, 4), nn.Linear(4, 1), latents=(2,)), torch.ones(3, 2)
        >>> with same_noise(gan, gan.teacher(), z, None) as noisy:
        ...     noisy, torch.equal(gan.sample(3, latents=z), gan.sample(3, latents=z))
        (True, True)
    """
    if not len(latents) or not draws_noise(gan, latents[:2], None if labels is None else labels[:2]):
        yield False
        return
    # One draw for all, so that the phase's seed decides it; the stream itself is not run through twice.
    noise = (int(torch.randint(2**31, ())), len(latents))
    before = gan.noise, teacher.noise
    gan.noise = teacher.noise = noise
    try:
        yield True
    finally:
        gan.noise, teacher.noise = before
