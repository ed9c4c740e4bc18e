"""What of a request the batches held so far: a phase that never meets what it is to forget must not stay silent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ignite_unlearn.forget.forget import Forget
from ignite_unlearn.utils.distributed import sum_over_processes

_ENOUGH = 5  # where so many are expected, none is no chance: exp(-5) is less than a hundredth


class Seen:
    """Counts rows of batches, those of the forget set among them, and distinct items; of all processes after ``sync``.

    Args:
        forget: the request.
        labels: how many classes there are; None where nobody knows.

    Example:
        >>> from ignite_unlearn import ForgetItems
        >>> images = torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(0))
        >>> seen = Seen(ForgetItems(images[[1, 4]]))
        >>> seen.add(images[:3], torch.tensor([False, True, False]))
        1
        >>> seen.rows, seen.forgotten, seen.items
        (3, 1, 1)
    """

    def __init__(self, forget: Forget, labels: int | None = None):
        self._forget = forget
        self._labels = labels
        # In this process, and in all others as of the last sync.
        self._counts = torch.zeros(2, 2, dtype=torch.int64)
        self._items: Tensor | None = None
        told = forget.describe()
        if told.recognised:
            self._items = torch.zeros(2, told.count or 0, dtype=torch.bool)

    @property
    def rows(self) -> int:
        """How many rows the batches held."""
        return int(self._counts[:, 0].sum())

    @property
    def forgotten(self) -> int:
        """How many of them belong to the forget set."""
        return int(self._counts[:, 1].sum())

    @property
    def items(self) -> int | None:
        """How many items were among them; None where the request names none, or they cannot be recognised."""
        return None if self._items is None else int(self._items.any(0).sum())

    @property
    def named(self) -> int | None:
        """How many items the request names; None where they cannot be told."""
        return None if self._items is None else self._items.shape[1]

    def add(self, images: Tensor, forgotten: Tensor) -> int:
        """Counts a batch's images ``(N, ...)``, whose forgotten rows are True in the mask ``(N,)``; returns these."""
        found = int(forgotten.sum())
        self._counts[0] += torch.tensor([len(images), found])
        if found and self._items is not None and not self._items[0].all():
            which = self._forget.find(images[forgotten.to(images.device)]).cpu()
            known = self._forget.describe().images
            assert known is not None
            # An item that the request names twice is found as the first of the two.
            self._grown()[0] |= torch.isin(self._forget.find(known).cpu(), which)
        return found

    def sync(self) -> None:
        """Learns what the other processes counted; a collective call."""
        items = torch.zeros(0) if self._items is None else self._grown()[0]
        counts, found = sum_over_processes([self._counts[0].double(), items.double()])
        self._counts[1] = counts.cpu().long() - self._counts[0]
        if self._items is not None:
            self._items[1] = found.cpu() > 0

    def _grown(self) -> Tensor:
        """Returns which items were found, with a place for each that the request names by now."""
        assert self._items is not None
        more = (self._forget.describe().count or 0) - self._items.shape[1]
        if more > 0:
            self._items = torch.nn.functional.pad(self._items, (0, more))
        return self._items

    def state_dict(self) -> dict[str, Any]:
        """Returns the counts, over all processes as of the last ``sync``."""
        return {
            "counts": self._counts.sum(0),
            "items": None if self._items is None else self._items.any(0),
        }

    def load_state_dict(self, state: Mapping[str, Any], *, mine: bool = True) -> None:
        """Loads the counts, as this process's or as the others'."""
        here = 0 if mine else 1
        self._counts = torch.zeros_like(self._counts)
        self._counts[here] = state["counts"]
        if self._items is not None and state["items"] is not None:
            self._items = torch.zeros_like(self._items)
            self._items[here] = state["items"]

    def surprise(self, loader: Any) -> str | None:
        """Returns what these batches leave to be said of a loader in a sentence, or None."""
        told = self._forget.describe()
        if self.rows == 0 or told.by_index:
            return None
        size, once = drawn_from(loader)
        complete = size is not None and once and self.rows >= size
        if self.forgotten == self.rows and (complete or self.rows >= 3 * _ENOUGH):
            return (
                f"All {self.rows} rows that the batches held so far belong to the forget set, so the loop learned from "
                "replaced rows alone: give it the retained images too."
            )
        if self._items is None:
            # So many rows hold one of a class by chance, unless classes are very uneven.
            if self.forgotten or not (complete or self.rows >= _ENOUGH * (self._labels or 10)):
                return None
            what, advice = (
                ("classes", "where the labels are, GAN(..., label=...), and how the classes are numbered")
                if told.classes
                else ("images", "what the request's rows(images, labels) is given")
            )
            return (
                f"None of the {self.rows} rows that the batches held so far belongs to the forgotten {what}, so "
                f"nothing was replaced and the discriminator had nothing to unlearn: check {advice}."
            )
        items = self._items.shape[1]
        missing = items - (self.items or 0)
        expected = _ENOUGH if size is None else items * self.rows / size
        if missing and (complete or (missing == items and expected >= _ENOUGH)):
            return (
                f"{missing} of the {items} images to be forgotten were not among the {self.rows} that the batches held "
                "so far, so they were not replaced: give them as the batches hold them (value range, channel order, "
                "size, file format), or wrap an augmenting data set in ReplacedDataset."
            )
        return None


def drawn_from(loader: Any) -> tuple[int | None, bool]:
    """Returns how many images a loader draws from, None where nobody knows, and whether an epoch draws each once.

    One that drops its last batch leaves others out in each epoch.

    Example:
        >>> data = torch.utils.data.TensorDataset(torch.zeros(5, 1))
        >>> drawn_from(torch.utils.data.DataLoader(data)), drawn_from([data[0]])
        ((5, True), (None, True))
    """
    owners = (loader, getattr(loader, "sampler", None))
    once = not any(getattr(owner, name, False) for owner in owners for name in ("replacement", "drop_last"))
    try:
        return len(loader.dataset), once
    except (AttributeError, TypeError, NotImplementedError):
        return None, once
