"""Where a generator makes single images: latents are drawn and their images compared, borders included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.item_regions import discoveries, rotated
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.utils.asked import COUNT, asks, number

_BYTES, _MOST = 1 << 23, 2048  # of images that are held at once, and how many at most
_ANGLE = 0.1  # radians, of neighbours
_BRIEFLY = 256
_FOUND = ("latents", "labels", "apart", "borders", "made")  # tensors of a state
_AGAIN = 3000  # latents of a further look
_REMEMBERED = 8192  # latents that were found
_RETAINED, _SUBSTITUTES = 0.5, 0.1  # of the latents that make no item, at the least
SLACK = 0.05  # how far an AUC may lie above what is expected: retrained GANs of a request differ by as much


class Expected(Protocol):
    """What is to be expected of items that a GAN never saw, by their likeness to retained images."""

    def of(self, unseen: Tensor) -> Expected | None:
        """Returns itself where it knows what is expected beside these unseen images ``(K, ...)``, else None."""

    def given(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Returns what is expected of items ``(M,)`` and unseen images ``(K,)``, from a number of each unseen image."""


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

    def borders(self, expected: Expected | None = None) -> tuple[Tensor, Tensor]:
        """Returns within which distance an image is an item's ``(M,)``, and which items are known, bool ``(M,)``.

        Both are told by how much nearer images come to items than is expected of them, beside the same of unseen
        images. Known are all items where they can be told from unseen images as a whole, else those that stand out one
        by one, but for items that lie no nearer than the middle one of unseen images does: nobody remembers these, and
        to lead the generator farther off would cost images that are retained. The borders are such that the items, kept
        outside of them, are spread as unseen images are: the item that is made most closely gets the lowest quantile.

        Args:
            expected: what is expected of images that the generator never saw; None: of each the mean.
        """
        nearest = self.apart.amin(0)
        of_items, of_unseen = self._expected(expected)
        items, unseen = nearest - of_items, self.unseen - of_unseen
        places = (items.argsort().argsort() + 0.5) / len(items)
        below = (items[:, None] < unseen[None]).double() + 0.5 * (items[:, None] == unseen[None]).double()
        known = torch.full_like(items, float(below.mean()) > 0.5 + SLACK, dtype=torch.bool) | discoveries(items, unseen)
        return of_items + torch.quantile(unseen, places.to(unseen)), known & (items < unseen.median())

    def _expected(self, expected: Expected | None) -> tuple[Tensor, Tensor]:
        if expected is None:
            mean = self.unseen.mean()
            return mean.expand(self.apart.shape[1]), mean.expand(len(self.unseen))
        return expected.given(self.unseen)

    def __getitem__(self, rows: Tensor | slice) -> Nearness:
        """Returns some of the latents."""
        labels = None if self.labels is None else self.labels[rows]
        return replace(self, latents=self.latents[rows], labels=labels, apart=self.apart[rows])

    def __add__(self, other: Nearness) -> Nearness:
        """Returns these latents and others after them; what is told of unseen images is this one's."""
        both = self.labels is not None and other.labels is not None
        labels = torch.cat([self.labels, other.labels]) if both else None  # type: ignore[list-item]
        latents, apart = torch.cat([self.latents, other.latents]), torch.cat([self.apart, other.apart])
        return replace(self, latents=latents, labels=labels, apart=apart)


class SampledRegions:
    """Latents that were found, and latents that are far from them; see :class:`LatentSearch`.

    Args:
        search: how to look.
        teacher: the frozen original GAN.
        items: images of the forget set ``(M, ...)``.
        labels: their class labels ``(M,)``; None without classes.
        unseen: real images that the GAN was never trained on ``(K, ...)``.

    Attributes:
        borders: the distances within which an image counts as an item's, ``(M,)``; minus infinity for those that the
            generator does not know.
        found: how many latents were found by the last look.
    """

    retained_classes = None

    def __init__(self, search: LatentSearch, teacher: GAN, items: Tensor, labels: Tensor | None, unseen: Tensor):
        self._search, self._given = search, (items, labels, unseen)
        self._first = search.nearness(teacher, *self._given)
        self._later = self._near = self._kept = self._far = self._first[:0]
        self._learn(None)
        self._choose()
        self.found = len(self._near.latents)

    def forgotten(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Latents that were found, half of them turned a little; none where the generator knows no item."""
        latents, labels = _drawn(self._near, n)
        if len(latents):
            angles = _ANGLE * torch.rand(n).to(latents)
            angles[: (n + 1) // 2] = 0
            latents = rotated(latents, angles)
        return latents, labels

    def retained(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Latents whose images are far from all items that the generator knows; nearer ones are free to move."""
        return _drawn(self._kept, n)

    def substitutes(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Those of them, or the farthest, whose images may take the place of an item."""
        return _drawn(self._far, n)

    def look_again(self, gan: GAN, expected: Expected | None = None) -> None:
        """Looks where the GAN makes items by now.

        Args:
            gan: the GAN as it is now.
            expected: what is expected of images that it never saw; None: of each the mean.
        """
        brief = replace(self._search, draws=min(self._search.draws, _AGAIN)).nearness(gan, *self._given)
        self._learn(expected)
        near = brief.apart < self.borders
        self.found = int(near.any(1).sum())
        self._later = (self._later + brief[near.any(1)])[-_REMEMBERED:]
        # An item that is made no more rests: whoever goes on overshoots, and an item farther off than others is marked.
        self._made = near.any(0)
        self._choose()

    def state_dict(self) -> dict[str, Any]:
        """Returns what was found by further looks; latents and distances, and no image."""
        later = {name: getattr(self._later, name) for name in ("latents", "labels", "apart")}
        return {**later, "borders": self.borders, "made": self._made, "found": self.found}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads what :meth:`state_dict` returned."""
        device = self._first.latents.device  # a state may have been read to another one
        found: dict[str, Any] = {name: None if state[name] is None else state[name].to(device) for name in _FOUND}
        self._later = replace(self._first, **{name: found[name] for name in ("latents", "labels", "apart")})
        self.borders, self._made, self.found = found["borders"], found["made"], int(state["found"])
        self._choose()

    def _learn(self, expected: Expected | None) -> None:
        borders, known = self._first.borders(None if expected is None else expected.of(self._given[2]))
        self.borders, self._made = borders.masked_fill(~known, -torch.inf), known

    def _choose(self) -> None:
        """Chooses latents on either side of the borders."""
        times = torch.where(self.borders > 0, self._first.apart / self.borders, torch.inf).detach().amin(1)
        if not bool((times >= 1).any()):
            raise UnlearningError(
                f"Images of all {self._search.draws} latents drawn are as near to an item as the generator comes to "
                "unseen images: there is nothing to lead them to. Check that unseen images have the items' value "
                "range, or forget less."
            )
        kept, far = (self._first[self._far_enough(times, share)] for share in (_RETAINED, _SUBSTITUTES))
        self._kept, self._far, looked = kept, far, self._first + self._later
        self._near = looked[(looked.apart < self.borders)[:, self._made].any(1)]

    def _far_enough(self, times: Tensor, share: float) -> Tensor:
        """Returns which latents are, or of those that make no item a share, the farthest; of each label's own.

        A few latents that are farthest from all items are all alike, and would be all that the generator still makes.
        Under a label without items all are infinitely far, and would be all that is taken of labels with some.
        """
        labels, chosen = self._first.labels, torch.zeros_like(times, dtype=torch.bool)
        for own in [~chosen] if labels is None else [labels == label for label in labels.unique()]:
            outside = times[own & (times >= 1)].sort(descending=True).values
            if len(outside):
                chosen |= own & (times >= min(self._search.margin, float(outside[int(share * len(outside))])))
        return chosen


def _drawn(pool: Nearness, n: int) -> tuple[Tensor, Tensor | None]:
    rows = torch.randint(max(len(pool.latents), 1), (n if len(pool.latents) else 0,)).to(pool.latents.device)
    return pool.latents[rows], None if pool.labels is None else pool.labels[rows]


@asks(draws=COUNT, margin=number())
@dataclass(frozen=True)
class LatentSearch:
    """Looks for the latents whose images come nearer to an item than the generator comes to images that it never saw.

    One latent is not the region of an item. Where a generator reproduces one of 64 images, a 64th of its latents makes
    it, and on the way to the next image others show half of it. So latents are drawn and their images compared with the
    items. How near is too near is told by the distance from each unseen image to the nearest of all drawn images
    (``Nearness.borders``). Items that lie no nearer than unseen images do are not the generator's, and are left
    alone. With class labels an item is compared with images of its own class.

    Args:
        draws: how many latents are drawn.
        margin: images of retained latents, and of substitutes, are at least so many times farther from each item than
            its border is. Where these are too few of a label's latents that make no item, retained is the farther half
            of them, and substitutes are the farthest tenth.

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
    margin: float = 1.5

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
        at_once = max(1, min(_MOST, _BYTES // (4 * max(1, wanted.shape[1]))))
        for rows in torch.arange(self.draws, device=gan.device).split(at_once):
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
