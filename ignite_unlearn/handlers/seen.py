"""What of a request the batches held so far: a phase that never meets what it is to forget must not stay silent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ignite_unlearn.distributed import sum_over_processes
from ignite_unlearn.forget import Forget
from ignite_unlearn.forget_items import ForgetItems


class Seen:
    """Counts rows of batches, those of the forget set among them, and distinct items; of all processes after ``sync``.

    Args:
        forget: the request.

    Example:
        >>> images = torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(0))
        >>> seen = Seen(ForgetItems(images[[1, 4]]))
        >>> seen.add(images[:3], torch.tensor([False, True, False]))
        1
        >>> seen.rows, seen.forgotten, seen.items
        (3, 1, 1)
    """

    def __init__(self, forget: Forget):
        self._forget = forget
        # In this process, and in all others as of the last sync.
        self._counts = torch.zeros(2, 2, dtype=torch.int64)
        self._items: Tensor | None = None
        if isinstance(forget, ForgetItems) and not forget.augmented:
            self._items = torch.zeros(2, len(forget), dtype=torch.bool)

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
            assert isinstance(self._forget, ForgetItems)
            which = self._forget.find(images[forgotten.to(images.device)]).cpu()
            # An item that the request names twice is found as the first of the two.
            if self._items.shape[1] < len(self._forget):  # it has grown
                self._items = torch.nn.functional.pad(self._items, (0, len(self._forget) - self._items.shape[1]))
            self._items[0] |= torch.isin(self._forget.find(self._forget.images).cpu(), which)
        return found

    def sync(self) -> None:
        """Learns what the other processes counted; a collective call."""
        items = torch.zeros(0) if self._items is None else self._items[0]
        counts, found = sum_over_processes([self._counts[0].double(), items.double()])
        self._counts[1] = counts.cpu().long() - self._counts[0]
        if self._items is not None:
            self._items[1] = found.cpu() > 0

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

    def surprises(self, dataset_size: int | None) -> list[str]:
        """Returns what an epoch of these batches leaves to be said, a sentence each.

        Args:
            dataset_size: how many images the loop goes through in an epoch, where that is known.
        """
        if self.rows == 0 or getattr(self._forget, "augmented", False):
            return []
        if self.forgotten == self.rows:
            return [
                f"All {self.rows} rows that the batches held so far belong to the forget set, so the loop learned from "
                "substitutes alone: give it the retained images too."
            ]
        if self._items is None:
            if self.forgotten:
                return []
            return [
                f"None of the {self.rows} rows that the batches held so far belongs to the forgotten classes, so "
                "nothing was replaced and the discriminator had nothing to unlearn: check where the labels are, GAN("
                "..., label=...), and how the classes are numbered."
            ]
        missing = self._items.shape[1] - (self.items or 0)
        complete = dataset_size is not None and self.rows >= dataset_size
        if missing and (self.items == 0 or complete):
            return [
                f"{missing} of the {self._items.shape[1]} images to be forgotten were not among the {self.rows} that "
                "the batches held so far, so they were not replaced: give them as the batches hold them (value range, "
                "channel order, size, file format), or wrap an augmenting data set in SubstitutedDataset."
            ]
        return []


def dataset_size(loader: Any) -> int | None:
    """Returns how many images an epoch goes through where each is drawn once; None where nobody knows.

    Example:
        >>> data = torch.utils.data.TensorDataset(torch.zeros(5, 1))
        >>> dataset_size(torch.utils.data.DataLoader(data)), dataset_size([data[0]])
        (5, None)
    """
    try:
        return None if by_chance(loader) else len(loader.dataset)
    except (AttributeError, TypeError, NotImplementedError):
        return None


def by_chance(loader: Any) -> bool:
    """Returns whether an epoch is drawn with replacement: then what it lacks, it lacks by chance.

    Example:
        >>> data = torch.utils.data.TensorDataset(torch.zeros(5, 1))
        >>> some = torch.utils.data.RandomSampler(data, replacement=True)
        >>> [by_chance(torch.utils.data.DataLoader(data, sampler=sampler)) for sampler in (some, None)]
        [True, False]
    """
    return bool(getattr(getattr(loader, "sampler", loader), "replacement", False))
