"""What a batch holds, by the keys that lead to it: tensors, and what it has one of for each row."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

Key: TypeAlias = str | int
Keys: TypeAlias = "tuple[Key, ...]"
Path: TypeAlias = "Key | tuple[Key, ...]"
Accessor: TypeAlias = "tuple[Callable[[Any], Tensor], Callable[[Any, Tensor], Any]]"
Fields: TypeAlias = "dict[Keys, Any]"  # where each field is, and what it holds: a value a row


class Leaf(NamedTuple):
    """A tensor of a batch, and the keys that lead to it."""

    path: Keys
    tensor: Tensor


def leaves(batch: Any, path: Keys = ()) -> Iterator[Leaf]:
    """Gives the tensors of a batch, in their order, and where each is."""
    if isinstance(batch, Tensor):
        yield Leaf(path, batch)
    elif isinstance(batch, (Mapping, tuple, list)):
        for key, value in batch.items() if isinstance(batch, Mapping) else enumerate(batch):
            yield from leaves(value, (*path, key))


def fields(batch: Any, n: int, path: Keys = ()) -> Fields:
    """Returns what a batch holds one of for each of its ``n`` rows: tensors, arrays, and lists such as captions.

    Args:
        batch: the batch.
        n: how many rows it has.
        path: keys that led to it.

    Example:
        >>> batch = {"image": torch.zeros(2, 1, 4, 4), "text": ["a cat", "a dog"], "size": torch.tensor(4), "of": "x"}
        >>> list(fields(batch, 2))
        [('image',), ('text',)]
    """
    if isinstance(batch, (Tensor, np.ndarray)):
        return {path: batch} if batch.ndim and len(batch) == n and 0 not in batch.shape[1:] else {}
    if isinstance(batch, (tuple, list)) and len(batch) == n and _of_rows(batch, n):
        return {path: batch}
    found: Fields = {}
    if isinstance(batch, (Mapping, tuple, list)):
        for key, value in batch.items() if isinstance(batch, Mapping) else enumerate(batch):
            found |= fields(value, n, (*path, key))
    return found


def row_of(found: Fields, row: int) -> Fields:
    """Returns one row of a batch's fields."""
    return {path: value[row].detach() if isinstance(value, Tensor) else value[row] for path, value in found.items()}


def blank(value: Any) -> Any:
    """Returns what stands for nothing in the place of a row's value: zeros, an empty text, None.

    Example:
        >>> blank(torch.ones(2)), blank("a cat"), blank(7), blank(object())
        (tensor([0., 0.]), '', 0, None)
    """
    if isinstance(value, Tensor):
        return torch.zeros_like(value)
    if isinstance(value, (np.ndarray, np.generic)):
        return np.zeros_like(value)
    return type(value)() if isinstance(value, (str, bytes, bool, int, float)) else None


def with_rows(batch: Any, places: Sequence[int], rows: Sequence[Fields]) -> Any:
    """Returns a copy of ``batch`` whose rows at ``places`` are ``rows``, field by field; what they lack stays as it is.

    Example:
        >>> batch = (torch.zeros(3), ["a", "b", "c"])
        >>> with_rows(batch, [1], [{(0,): torch.tensor(5.0), (1,): "z"}])
        (tensor([0., 5., 0.]), ['a', 'z', 'c'])
    """
    for path in rows[0]:
        get, put = at(path)
        old, new = get(batch), [row[path] for row in rows]
        if isinstance(old, Tensor):
            changed = old.detach().clone()
            changed[torch.tensor(places, device=old.device)] = torch.stack([value.to(old) for value in new])
        elif isinstance(old, np.ndarray):
            changed = old.copy()
            changed[list(places)] = new
        else:
            items = list(old)
            for place, value in zip(places, new, strict=True):
                items[place] = value
            changed = type(old)(items)
        batch = put(batch, changed)
    return batch


def at(path: Keys) -> Accessor:
    """Returns the functions that get what a path leads to, and put another in its place in a copy."""

    def get(batch: Any) -> Any:
        for key in path:
            batch = batch[key]
        return batch

    def put(batch: Any, value: Any, depth: int = 0) -> Any:
        if depth == len(path):
            return value
        key = path[depth]
        inner = put(batch[key], value, depth + 1)
        if isinstance(batch, Mapping):
            changed: Any = copy.copy(batch)
            changed[key] = inner
            return changed
        if hasattr(batch, "_replace"):
            return batch._replace(**{batch._fields[key]: inner})
        items = list(batch)
        items[int(key)] = inner
        return type(batch)(items)

    return get, put


def shown(path: Keys) -> str:
    """Returns a path as it is written in ``GAN(..., image=...)``.

    Example:
        >>> shown((1,)), shown(("input", "full"))
        ('1', "('input', 'full')")
    """
    return repr(path[0]) if len(path) == 1 else repr(path)


def describe(batch: Any) -> str:
    """Returns a short description of a batch for error messages, such as ``dict(A: (4, 1, 8, 8) float32)``."""
    if isinstance(batch, Tensor):
        return f"{tuple(batch.shape)} {str(batch.dtype).removeprefix('torch.')}"
    if isinstance(batch, Mapping):
        return f"{type(batch).__name__}({', '.join(f'{key}: {describe(value)}' for key, value in batch.items())})"
    if isinstance(batch, (tuple, list)):
        return f"{type(batch).__name__}({', '.join(describe(value) for value in batch)})"
    return type(batch).__name__


def _of_rows(values: Sequence[Any], n: int) -> bool:
    """Returns whether a list of ``n`` values has one for each row, and is no container of fields."""
    if not any(_holds(value, n) for value in values):
        return True
    # Texts of several lengths, such as token ids, of which one may happen to be as long as a batch.
    tensors = [value for value in values if isinstance(value, Tensor)]
    ragged = len(tensors) == n and len({value.dim() for value in tensors}) == 1 and len({len(v) for v in tensors}) > 1
    return ragged and len({value.shape[1:] for value in tensors}) == 1


def _holds(value: Any, n: int) -> bool:
    """Returns whether a value has something for each of ``n`` rows, and so is none of theirs."""
    if isinstance(value, (Tensor, np.ndarray)):
        return value.ndim > 0 and len(value) == n
    if isinstance(value, Mapping):
        return any(_holds(inner, n) for inner in value.values())
    if not isinstance(value, (tuple, list)):
        return False
    numbers = all(isinstance(inner, (int, float)) for inner in value)  # such as the corners of a box
    return (len(value) == n and not numbers) or any(_holds(inner, n) for inner in value)
