"""What a net keeps beside the weights that train, and how it is put back.

A net's state is whatever its modules hold, or whatever its own ``forward``, its hooks and its methods hold in closures,
owners and globals: buffers, frozen parameters, tensors and arrays as plain attributes, counters, lists that hooks
append to, random number generators. One idea covers all of it: everything lies in *slots* of *holders* (a module's
attributes, a list, a closure's cell). All slots are written down; for the body, tensors in them are replaced by clones,
so that the originals are never written to; afterwards every slot holds again what it held.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import CellType, FunctionType
from typing import Any

import numpy as np
from torch import Tensor, nn

from ignite_unlearn.gan.reach import EMPTY, ITEMS, STREAMS, content_of, foreign, is_looked_into, reached, state_names
from ignite_unlearn.gan.streams import read_stream, write_stream

_NO_STATE = {int, float, bool, str, type(None), dict, OrderedDict, list, tuple}


class Holder:
    """What has slots, and what lies in them at the moment that this object is made.

    Attributes:
        owner: the object.
        content: what it holds, by slot.
        net: whether it is a net's own, or an object that stands beside it, such as the owner of a hook.
    """

    __slots__ = ("content", "net", "owner")

    def __init__(self, owner: Any, net: bool):
        self.owner, self.net = owner, net
        self.content: dict[Any, Any] = self.look()

    def look(self) -> dict[Any, Any]:
        """Returns what lies in the slots now."""
        return dict(self.owner)

    def put(self, slot: Any, value: Any) -> None:
        """Lays something into a slot."""
        self.owner[slot] = value

    def back(self) -> None:
        """Puts back what lay in the slots."""
        _refill(self.owner, self.content)


class _Attributes(Holder):
    __slots__ = ()

    def look(self) -> dict[Any, Any]:
        return dict(vars(self.owner))

    def put(self, slot: Any, value: Any) -> None:
        vars(self.owner)[slot] = value

    def back(self) -> None:
        _refill(vars(self.owner), self.content)


class _Sequence(Holder):
    __slots__ = ()

    def look(self) -> dict[Any, Any]:
        return dict(enumerate(self.owner))

    def back(self) -> None:
        self.owner.clear()
        self.owner.extend(self.content.values())


class _Set(Holder):
    __slots__ = ()

    def look(self) -> dict[Any, Any]:
        return dict.fromkeys(self.owner)

    def back(self) -> None:
        self.owner.clear()
        self.owner.update(self.content)


class _Cell(Holder):
    __slots__ = ()

    def look(self) -> dict[Any, Any]:
        return {"cell_contents": content_of(self.owner)}

    def put(self, slot: Any, value: Any) -> None:
        self.owner.cell_contents = value

    def back(self) -> None:
        if self.content["cell_contents"] is not EMPTY:
            self.owner.cell_contents = self.content["cell_contents"]


class _Globals(Holder):
    """Those that a function names."""

    __slots__ = ()

    def look(self) -> dict[Any, Any]:
        return {name: self.owner.__globals__[name] for name in state_names(self.owner)}

    def put(self, slot: Any, value: Any) -> None:
        self.owner.__globals__[slot] = value

    def back(self) -> None:
        self.owner.__globals__.update(self.content)


def held(*roots: Any) -> list[Holder]:
    """Returns everything with slots that modules, functions or containers reach, each once.

    Example:
        >>> net = nn.Linear(1, 1)
        >>> net.seen = [1]
        >>> any(holder.owner is net.seen for holder in held(net))
        True
    """
    return _holders(reached(*roots))


@contextmanager
def state_kept(*nets: nn.Module, trained: Iterable[nn.Parameter]) -> Iterator[None]:
    """Puts back all state of nets after the body, but the values of the parameters that train.

    Args:
        nets: whose state.
        trained: the parameters that stay as the body leaves them.

    Example:
        >>> import torch
        >>> net = nn.BatchNorm1d(2)
        >>> net.calls = [0]
        >>> with state_kept(net, trained=()):
        ...     _ = net(torch.randn(8, 2))
        ...     net.calls.append(1)
        >>> net.calls, net.running_mean.tolist()
        ([0], [0.0, 0.0])
    """
    # Weights of nets that these hold without owning them, as a hook may, are nobody's state.
    frozen = {id(p) for net in nets for p in net.parameters()} - {id(p) for p in trained}
    found = reached(*nets)
    holders = _holders(found)
    copies: dict[int, Any] = {}
    streams = [(value, read_stream(value)) for value, _ in found if isinstance(value, STREAMS)]
    try:
        for holder in holders:
            for slot, value in holder.content.items() if holder.net and len(holder.content) <= ITEMS else ():
                if type(value) not in _NO_STATE and _is_state(value, frozen):
                    # What two slots share they share in the body too.
                    if id(value) not in copies:
                        copies[id(value)] = _copy(value)
                    holder.put(slot, copies[id(value)])
        yield
    finally:
        for holder in holders:
            holder.back()
        for stream, state in streams:
            write_stream(stream, state)


def _holders(found: list[tuple[Any, bool]]) -> list[Holder]:
    kinds = ((_kind(value), value, net) for value, net in found)
    return [kind(value, net) for kind, value, net in kinds if kind is not None]


def _kind(value: Any) -> type[Holder] | None:
    if isinstance(value, nn.Module):
        return _Attributes
    if isinstance(value, dict):
        return Holder
    if isinstance(value, (list, deque)):
        return _Sequence
    if isinstance(value, set):
        return _Set
    if isinstance(value, CellType):
        return _Cell
    if isinstance(value, FunctionType):
        return None if foreign(value) else _Globals
    return _Attributes if hasattr(value, "__dict__") and is_looked_into(value) else None


def _refill(content: dict, saved: dict) -> None:
    if len(content) != len(saved) or any(content.get(key, EMPTY) is not value for key, value in saved.items()):
        kind: type[dict] = OrderedDict if isinstance(content, OrderedDict) else dict
        kind.clear(content)
        for key, value in saved.items():
            kind.__setitem__(content, key, value)


def _is_state(value: Any, frozen: set[int]) -> bool:
    if isinstance(value, np.ndarray):
        return value.base is None
    if not isinstance(value, Tensor):
        return False
    if isinstance(value, nn.Parameter):
        return id(value) in frozen
    # What is computed from weights, or a view of them, is computed anew or moves with them.
    return value.is_leaf and not (value._is_view() or value.is_inference())


def _copy(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.copy()
    clone = value.detach().clone()
    if isinstance(value, nn.Parameter):
        clone = nn.Parameter(clone, requires_grad=False)
        vars(clone).update(vars(value))
        return clone
    return clone.requires_grad_(value.requires_grad)
