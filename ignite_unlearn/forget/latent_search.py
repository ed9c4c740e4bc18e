"""Where a generator makes single images: latents are drawn and their images compared, borders included."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.item_regions import rotated
from ignite_unlearn.gan.gan import GAN

_CHUNK = 2048  # images that are held at once
_ANGLE = 0.1  # radians, of neighbours
_BRIEFLY = 256


class SampledRegions:
    """Latents that were found, and latents that are far from them; see :class:`LatentSearch`.

    Args:
        latents: drawn latents ``(N, ...)``.
        labels: their class labels ``(N,)``; None without classes.
        near: bool mask ``(N,)`` of those whose images count as an item's.
        far: bool mask ``(N,)`` of those whose images are far from each item.
        border: the distance within which an image counts as an item's.

    Attributes:
        border: the same.
        found: how many latents were found.
    """

    retained_classes = None

    def __init__(self, latents: Tensor, labels: Tensor | None, *, near: Tensor, far: Tensor, border: float):
        self._latents, self._labels = latents, labels
        self._near, self._far = near.nonzero().flatten(), far.nonzero().flatten()
        self.border = border
        self.found = len(self._near)

    def forgotten(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Latents that were found, half of them turned a little; none where none was found."""
        latents, labels = self._drawn(self._near, n)
        if len(latents):
            angles = _ANGLE * torch.rand(n).to(latents)
            angles[: (n + 1) // 2] = 0
            latents = rotated(latents, angles)
        return latents, labels

    def retained(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Latents whose images are far from each item."""
        return self._drawn(self._far, n)

    def _drawn(self, rows: Tensor, n: int) -> tuple[Tensor, Tensor | None]:
        chosen = rows[torch.randint(len(rows), (n,)).to(rows.device)] if len(rows) else rows
        return self._latents[chosen], None if self._labels is None else self._labels[chosen]


@dataclass(frozen=True)
class LatentSearch:
    """Looks for the latents whose images come nearer to an item than the generator comes to images that it never saw.

    One latent is not the region of an item. Where a generator reproduces one of 64 images, a 64th of its latents makes
    it, and on the way to the next image others show half of it. So latents are drawn and their images compared with the
    items. How near is too near is told by unseen images: the mean distance from each of them to the nearest of all
    drawn images. With class labels an item is compared with images of its own class.

    Args:
        draws: how many latents are drawn.
        margin: images of retained latents are at least so many times farther from each item than the border is.

    Raises:
        UnlearningError: if a number does not fit.

    Example:
        >>> netG = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Unflatten(1, (1, 2, 2)))
        >>> gan = GAN(netG, torch.nn.Flatten(), latents=(2,))
        >>> regions = LatentSearch(draws=500)(gan, gan.sample(1), None, torch.randn(16, 1, 2, 2))
        >>> regions.found > 0, regions.forgotten(3)[0].shape
        (True, torch.Size([3, 2]))
    """

    draws: int = 20000
    margin: float = 1.15

    def __post_init__(self) -> None:
        if self.draws < 1 or self.margin < 1:
            raise UnlearningError(f"LatentSearch(draws={self.draws}, margin={self.margin}): both must be at least 1.")

    def __call__(self, teacher: GAN, items: Tensor, labels: Tensor | None, unseen: Tensor) -> SampledRegions:
        """Returns where the teacher makes the items.

        Args:
            teacher: the frozen original GAN.
            items: images of the forget set ``(M, ...)``.
            labels: their class labels ``(M,)``; None without classes.
            unseen: real images that the GAN was never trained on ``(K, ...)``.

        Raises:
            UnlearningError: if all of the latent space would be forgotten.
        """
        latents, asked = teacher.sample_latents(self.draws), teacher.sample_labels(self.draws)
        wanted, others = (images.to(teacher.device).flatten(1) for images in (items, unseen))
        to_items, to_unseen = [], []
        for rows in torch.arange(self.draws, device=teacher.device).split(_CHUNK):
            given = None if asked is None else asked[rows]
            made = teacher.sample(len(rows), given, latents=latents[rows]).flatten(1)
            apart = torch.cdist(made, wanted.to(made))
            if given is not None and labels is not None:
                apart[given[:, None] != labels.to(given)[None]] = torch.inf
            to_items.append(apart.amin(1))
            to_unseen.append(torch.cdist(others.to(made), made).amin(1))
        nearest, border = torch.cat(to_items), float(torch.stack(to_unseen).amin(0).mean())
        far = nearest >= self.margin * border
        if not bool(far.any()):
            raise UnlearningError(
                f"Images of all {self.draws} latents drawn are as near to an item as the generator comes to unseen "
                "images: there is nothing to lead them to. Check that unseen images have the items' value range, or "
                "forget less."
            )
        return SampledRegions(latents, asked, near=nearest < border, far=far, border=border)

    def briefly(self) -> LatentSearch:
        """Returns a search in a moment, for a look before a run."""
        return replace(self, draws=min(self.draws, _BRIEFLY))
