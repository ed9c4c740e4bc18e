"""Differentiable augmentation: a discriminator sees few images in many places, and so learns them less by heart."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from ignite_unlearn.recipes.training.sent import sent

Augment: TypeAlias = Callable[[Tensor], Tensor]


def unchanged(images: Tensor) -> Tensor:
    """Returns the images as they are."""
    return images


def diffaug(images: Tensor) -> Tensor:
    """Returns images ``(N, C, H, W)`` in [-1, 1], each moved and cut out at random (DiffAugment, Zhao et al. 2020).

    An image is moved by up to an eighth of its sides; then a square of half of them is set to zero. What comes in from
    outside is zero too. Gradients reach the pixels that are left. The random numbers are drawn on the CPU from torch's
    global stream, so that every device sees the same.

    Example:
        >>> diffaug(torch.ones(2, 3, 16, 16)).mean((1, 2, 3)).lt(1).all().item()
        True
    """
    n, _, *sides = images.shape
    for dim, side in enumerate(sides, 2):
        images = _moved(images, dim, _drawn(-_rounded(side, 8), _rounded(side, 8), n))
    out = torch.ones((), dtype=torch.bool, device=images.device)
    for dim, side in enumerate(sides, 2):
        width = _rounded(side, 2)
        first = sent(_drawn(0, side - width % 2, n) - width // 2, images.device)  # the middle is anywhere
        places = torch.arange(side, device=images.device)
        inside = (places >= first[:, None]) & (places < first[:, None] + width)
        out = out & _along(inside, dim)
    return images.masked_fill(out, 0)


AUGMENTATIONS: dict[str, Augment] = {"none": unchanged, "diffaug": diffaug}


def _rounded(side: int, parts: int) -> int:
    return int(side / parts + 0.5)


def _drawn(low: int, high: int, n: int) -> Tensor:
    return torch.randint(low, high + 1, (n,))


def _along(mask: Tensor, dim: int) -> Tensor:
    """Returns ``(N, L)`` as ``(N, 1, L, 1)`` or ``(N, 1, 1, L)``."""
    return mask[:, None, :, None] if dim == 2 else mask[:, None, None, :]


def _moved(images: Tensor, dim: int, shift: Tensor) -> Tensor:
    """Returns images moved along a dimension by ``shift`` ``(N,)`` places, with zeros where nothing was."""
    side = images.shape[dim]
    source = torch.arange(side) - shift[:, None]
    absent = _along(sent((source < 0) | (source >= side), images.device), dim)
    source = _along(sent(source.clamp(0, side - 1), images.device), dim)
    return images.gather(dim, source.expand_as(images)).masked_fill(absent, 0)
