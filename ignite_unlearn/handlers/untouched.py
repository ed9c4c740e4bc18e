"""A look at a loader that leaves it as it was: its streams, its sampler, and whatever its data set counts."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch

_DEEP = 8  # data sets that wrap data sets


@contextmanager
def untouched(loader: Any) -> Iterator[None]:
    """Puts back what iterating over a loader moves: generators, and attributes of its sampler and data set.

    Attributes get their old values; lists, dicts and sets among them their old content. The global random number
    streams are :func:`~ignite_unlearn.gan.borrow.borrow`'s to put back.

    Args:
        loader: what a trainer runs over.

    Example:
        >>> class Counting(torch.utils.data.Dataset):
        ...     looks = 0
        ...     def __len__(self):
        ...         return 4
        ...     def __getitem__(self, index):
        ...         self.looks += 1
        ...         return torch.zeros(1)
        >>> loader = torch.utils.data.DataLoader(Counting())
        >>> with untouched(loader):
        ...     looks = len(list(loader))
        >>> looks, loader.dataset.looks
        (4, 0)
    """
    undo = [step for owner in _owners(loader) for step in _undo(owner)]
    try:
        yield
    finally:
        for step in undo:
            step()


def _owners(loader: Any) -> list[Any]:
    """Returns a loader and what it draws from, each once."""
    found, left = {}, [(loader, 0)]
    while left:
        owner, depth = left.pop()
        if owner is None or id(owner) in found or depth > _DEEP or not hasattr(owner, "__dict__"):
            continue
        found[id(owner)] = owner
        for name in ("sampler", "batch_sampler", "dataset", "data_source", "loader", "datasets"):
            inner = vars(owner).get(name)
            several = inner if isinstance(inner, (list, tuple)) else [inner]
            left += [(one, depth + 1) for one in several]
    return list(found.values())


def _undo(owner: Any) -> Iterator[Callable[[], Any]]:
    before = dict(vars(owner))
    for value in before.values():
        again = _content(value)
        if again is not None:
            yield again

    def attributes() -> None:
        now = vars(owner)
        for name in now.keys() - before.keys():
            del now[name]
        now.update(before)

    yield attributes


def _content(value: Any) -> Callable[[], Any] | None:
    """Returns what puts a value's content back; None where it has none that a look could move."""
    if isinstance(value, torch.Generator):
        state = value.get_state()
        return partial(value.set_state, state)
    if isinstance(value, random.Random):
        mine = value.getstate()
        return partial(value.setstate, mine)
    if isinstance(value, (np.random.Generator, np.random.RandomState)):
        bits = value.bit_generator if isinstance(value, np.random.Generator) else value._bit_generator
        there = bits.state
        return partial(setattr, bits, "state", there)
    if isinstance(value, list):
        items = list(value)
        return partial(_refill, value, value.__iadd__, items)
    if isinstance(value, (dict, set)):
        kept = value.copy()
        return partial(_refill, value, value.update, kept)
    return None


def _refill(value: Any, add: Callable[[Any], Any], content: Any) -> None:
    value.clear()
    add(content)
