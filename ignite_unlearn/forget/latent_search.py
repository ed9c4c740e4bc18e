"""Where a generator makes single images: latents are drawn and their images compared, borders included."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.item_regions import discoveries, rotated
from ignite_unlearn.gan.gan import GAN

_CHUNK = 2048  # images that are held at once
_ANGLE = 0.1  # radians, of neighbours
_BRIEFLY = 256
_AGAIN = 3000  # latents of a further look
_REMEMBERED = 8192  # latents that were found
SLACK = 0.05  # how far an AUC may lie above what is expected: retrained GANs of a request differ by as much


@dataclass(frozen=True)
class Nearness:
    """How near drawn images come to items and to unseen images.

    Attributes:
        latents: that were drawn, ``(N, ...)``.
        labels: their class labels ``(N,)``; None without classes.
        apart: distances of their images to the items ``(N, M)``, pixels, L2; infinite for another class.
        unseen: distance of each unseen image to the nearest of them, ``(K,)``.
    """

    latents: Tensor
    labels: Tensor | None
    apart: Tensor
    unseen: Tensor

    @property
    def border(self) -> float:
        """Within which distance an image counts as an item's, the mean one of unseen images."""
        return float(self.unseen.mean())

    def known(self, expected: float = 0.5) -> Tensor:
        """Returns which items the generator makes more closely than images that it never saw, bool ``(M,)``.

        All of them where they are told from unseen images as a whole; else those that stand out one by one.

        Args:
            expected: the AUC that they would have if it had never seen them.
        """
        items = self.apart.amin(0)
        below = (items[:, None] < self.unseen[None]).double() + 0.5 * (items[:, None] == self.unseen[None]).double()
        if float(below.mean()) > expected + SLACK:
            return torch.ones(len(items), dtype=torch.bool, device=items.device)
        return discoveries(items, self.unseen)


class SampledRegions:
    """Latents that were found, and latents that are far from them; see :class:`LatentSearch`.

    Args:
        search: how to look.
        teacher: the frozen original GAN.
        items: images of the forget set ``(M, ...)``.
        labels: their class labels ``(M,)``; None without classes.
        unseen: real images that the GAN was never trained on ``(K, ...)``.

    Attributes:
        border: the distance within which an image counts as an item's.
        found: how many latents were found by the last look.
    """

    retained_classes = None

    def __init__(self, search: LatentSearch, teacher: GAN, items: Tensor, labels: Tensor | None, unseen: Tensor):
        self._search, self._given = search, (items, labels, unseen)
        looked = search.nearness(teacher, *self._given)
        self.border = looked.border
        far = looked.apart.amin(1) >= search.margin * self.border
        if not bool(far.any()):
            raise UnlearningError(
                f"Images of all {search.draws} latents drawn are as near to an item as the generator comes to unseen "
                "images: there is nothing to lead them to. Check that unseen images have the items' value range, or "
                "forget less."
            )
        self._far = looked.latents[far], None if looked.labels is None else looked.labels[far]
        self._near = looked.latents[:0], None if looked.labels is None else looked.labels[:0]
        self._learn_from(looked)

    def forgotten(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Latents that were found, half of them turned a little; none while no item can be told from unseen images."""
        latents, labels = _drawn(self._near, n if self.found else 0)
        if len(latents):
            angles = _ANGLE * torch.rand(n).to(latents)
            angles[: (n + 1) // 2] = 0
            latents = rotated(latents, angles)
        return latents, labels

    def retained(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Latents whose images are far from each item."""
        return _drawn(self._far, n)

    def look_again(self, gan: GAN, expected: float = 0.5) -> None:
        """Looks where the GAN makes items by now; where it makes none, none is forgotten until a further look.

        Args:
            gan: the GAN as it is now.
            expected: the AUC of nearest samples, items against unseen images, that needs no memory of them.
        """
        brief = replace(self._search, draws=min(self._search.draws, _AGAIN))
        self._learn_from(brief.nearness(gan, *self._given), expected)

    def _learn_from(self, looked: Nearness, expected: float = 0.5) -> None:
        known = looked.known(expected)
        near = (looked.apart[:, known] < looked.border).any(1)
        self.found = int(near.sum())
        latents, labels = self._near
        more = None if labels is None or looked.labels is None else torch.cat([labels, looked.labels[near]])
        self._near = (
            torch.cat([latents, looked.latents[near]])[-_REMEMBERED:],
            None if more is None else more[-_REMEMBERED:],
        )


def _drawn(pool: tuple[Tensor, Tensor | None], n: int) -> tuple[Tensor, Tensor | None]:
    latents, labels = pool
    rows = torch.randint(max(len(latents), 1), (n if len(latents) else 0,)).to(latents.device)
    return latents[rows], None if labels is None else labels[rows]


@dataclass(frozen=True)
class LatentSearch:
    """Looks for the latents whose images come nearer to an item than the generator comes to images that it never saw.

    One latent is not the region of an item. Where a generator reproduces one of 64 images, a 64th of its latents makes
    it, and on the way to the next image others show half of it. So latents are drawn and their images compared with the
    items. How near is too near is told by unseen images: the mean distance from each of them to the nearest of all
    drawn images. Items that lie no nearer than unseen images do are not the generator's, and are left alone. With class
    labels an item is compared with images of its own class.

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
        return SampledRegions(self, teacher, items, labels, unseen)

    def nearness(self, gan: GAN, items: Tensor, labels: Tensor | None, unseen: Tensor) -> Nearness:
        """Returns how near drawn images of a GAN come to items and unseen images, given as in a call."""
        latents, asked = gan.sample_latents(self.draws), gan.sample_labels(self.draws)
        wanted, others = (images.to(gan.device).flatten(1) for images in (items, unseen))
        to_items, to_unseen = [], []
        for rows in torch.arange(self.draws, device=gan.device).split(_CHUNK):
            given = None if asked is None else asked[rows]
            made = gan.sample(len(rows), given, latents=latents[rows]).flatten(1)
            apart = torch.cdist(made, wanted.to(made))
            if given is not None and labels is not None:
                apart[given[:, None] != labels.to(given)[None]] = torch.inf
            to_items.append(apart)
            to_unseen.append(torch.cdist(others.to(made), made).amin(1))
        return Nearness(latents, asked, torch.cat(to_items), torch.stack(to_unseen).amin(0))

    def briefly(self) -> LatentSearch:
        """Returns a search in a moment, for a look before a run."""
        return replace(self, draws=min(self.draws, _BRIEFLY))
