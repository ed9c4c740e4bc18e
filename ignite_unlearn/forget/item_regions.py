"""Where in latent space single images are forgotten, and which of them the generator knows at all."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ignite_unlearn.forget.inversion import Inverted
from ignite_unlearn.gan.gan import GAN


class ItemRegions:
    """Around the latents of items: on the shell of the latent's norm, within an angle.

    Args:
        teacher: the frozen original GAN.
        items: the inverted items; None, or none of them, where the generator is left alone.
        angle: of the neighbourhood, in radians.
    """

    retained_classes = None

    def __init__(self, teacher: GAN, items: Inverted | None, angle: float):
        self._teacher = teacher
        self._items = items
        self._angle = angle

    def forgotten(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Half items' own latents, half neighbours; none where no item was found in the generator."""
        if self._items is None or len(self._items.latents) == 0:
            empty = torch.zeros(0, dtype=torch.int64, device=self._teacher.device)
            return self._teacher.sample_latents(1)[:0], None if self._teacher.labels is None else empty
        chosen = torch.randint(len(self._items.latents), (n,)).to(self._teacher.device)
        latents = self._items.latents[chosen]
        angles = self._angle * torch.rand(n).to(latents)
        angles[: (n + 1) // 2] = 0
        return rotated(latents, angles), None if self._items.labels is None else self._items.labels[chosen]

    def retained(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Latents as the generator is always given, none of them in an item's neighbourhood."""
        latents, labels = self._teacher.sample_latents(n), self._teacher.sample_labels(n)
        if self._items is not None and len(self._items.latents):
            # Turned away where one is in an item's neighbourhood, which a high-dimensional draw hardly ever is.
            near = _cosine(latents, self._items.latents).amax(1) > torch.cos(torch.tensor(self._angle))
            latents = torch.where(near.view(-1, *[1] * (latents.dim() - 1)), -latents, latents)
        return latents, labels


_RATE = 0.1  # of items that are named, how many may be named by mistake


def fewest_unseen(items: int) -> int:
    """Returns how many unseen images it takes that a single one of so many items can be named by :func:`discoveries`.

    Example:
        >>> fewest_unseen(8)
        79
    """
    return math.ceil(items / _RATE) - 1


def discoveries(errors: Tensor, unseen_errors: Tensor, rate: float = _RATE) -> Tensor:
    """Returns which items the generator reproduces more closely than chance allows, a bool mask ``(N,)``.

    Conformal p-values against the unseen images, and the rule of Benjamini and Hochberg (1995): of the items that are
    named, a share of ``rate`` is expected to be named by mistake (Bates et al. 2023).
    """
    p = (1 + (unseen_errors <= errors[:, None]).sum(1)) / (1 + len(unseen_errors))
    ordered = p.sort().values
    below = (ordered <= rate * torch.arange(1, len(p) + 1).to(p) / len(p)).nonzero()
    return p <= ordered[below.max()] if len(below) else torch.zeros(len(p), dtype=torch.bool, device=p.device)


def rotated(latents: Tensor, angles: Tensor) -> Tensor:
    """Returns ``latents`` ``(N, ...)`` turned by ``angles`` ``(N,)`` radians into random directions, at their norm."""
    flat = latents.flatten(1)
    noise = torch.randn(flat.shape).to(flat)
    unit = torch.nn.functional.normalize(flat, dim=1)
    across = torch.nn.functional.normalize(noise - (noise * unit).sum(1, keepdim=True) * unit, dim=1)
    turned = angles.cos()[:, None] * unit + angles.sin()[:, None] * across
    return (turned * flat.norm(dim=1, keepdim=True)).view_as(latents)


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    return torch.nn.functional.normalize(a.flatten(1), dim=1) @ torch.nn.functional.normalize(b.flatten(1), dim=1).T
