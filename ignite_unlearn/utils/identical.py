"""Bit-identity of nested structures, and the random number streams as an object."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


class Streams:
    """The random number streams of Python, NumPy and torch's CPU, as an object that ``Checkpoint`` can save.

    Example:
        >>> state = Streams().state_dict()
        >>> drawn = torch.rand(1)
        >>> Streams().load_state_dict(state)
        >>> torch.equal(torch.rand(1), drawn)
        True
    """

    def state_dict(self) -> dict[str, Any]:
        """Returns where the streams are."""
        _, words, position, *_ = np.random.get_state()
        return {
            "torch": torch.get_rng_state(),
            "numpy": torch.tensor(np.asarray(words).astype("int64")),
            "position": int(position),
            "python": torch.tensor(random.getstate()[1], dtype=torch.int64),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Puts the streams where they were."""
        torch.set_rng_state(state["torch"])
        words = state["numpy"].numpy().astype("uint32")
        np.random.set_state(("MT19937", words, state["position"], 0, 0.0))
        random.setstate((3, tuple(state["python"].tolist()), None))


def clone(value: Any) -> Any:
    """Returns a copy of nested tensors."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        items = [clone(item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


def assert_identical(one: Any, other: Any, where: str = "") -> None:
    """Asserts that two nested structures are bit-identical; NaN equals NaN.

    Raises:
        AssertionError: if they are not; it says where.
    """
    require(type(one) is type(other), f"{where}: {type(one).__name__} and {type(other).__name__}")
    if isinstance(one, torch.Tensor):
        alike = one.dtype == other.dtype and one.shape == other.shape
        both = alike and torch.equal(one.isnan(), other.isnan()) and torch.equal(one.nan_to_num(), other.nan_to_num())
        require(both, f"{where} differs")
    elif isinstance(one, dict):
        require(one.keys() == other.keys(), f"{where} differs: {sorted(map(str, one.keys() ^ other.keys()))}")
        for key in one:
            assert_identical(one[key], other[key], f"{where} {key}")
    elif isinstance(one, (tuple, list)):
        require(len(one) == len(other), f"{where} differs: {len(one)} and {len(other)} of them")
        for index, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_identical(a, b, f"{where} {index}")
    else:
        require(one == other or (one != one and other != other), f"{where} differs: {one!r} and {other!r}")


def require(held: bool, sentence: str) -> None:
    """Raises an AssertionError that says ``sentence`` where something does not hold, under ``python -O`` too."""
    if not held:
        raise AssertionError(sentence)
