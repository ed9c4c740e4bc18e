"""What a net keeps beside the weights that train, and how it is put back.

A net's state is whatever its modules hold, or whatever its own ``forward``, its hooks and its methods hold in closures,
owners and globals: buffers, frozen parameters, tensors and arrays as plain attributes, counters, lists that hooks
append to, random number generators. One idea covers all of it: everything lies in *slots* of *holders* (a module's
attributes, a list, a closure's cell). All slots are written down; for the body, tensors in them are replaced by clones,
so that the originals are never written to; afterwards every slot holds again what it held.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from types import CellType, FunctionType
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor, nn

from ignite_unlearn.gan.reach import EMPTY, ITEMS, content_of, foreign, is_looked_into, reached, state_names
from ignite_unlearn.gan.streams import read_stream, streams_of, write_stream


class Holder(NamedTuple):
    """What has slots.

    Attributes:
        owner: the object.
        items: what lies in which slot.
        put: lays something into a slot.
        back: puts back what lay there when it was looked at.
        net: whether it is a net's own, or an object that stands beside it, such as the owner of a hook.
    """

    owner: Any
    items: Collection[tuple[Any, Any]]
    put: Callable[[Any, Any], None]
    back: Callable[[], None]
    net: bool = True


def held(*roots: Any) -> list[Holder]:
    """Returns everything with slots that modules, functions or containers reach, each once.

    Example:
        >>> net = nn.Linear(1, 1)
        >>> net.seen = [1]
        >>> any(holder.owner is net.seen for holder in held(net))
        True
    """
    return [holder for value, net in reached(*roots) for holder in _holders(value, net)]


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
    holders = held(*nets)
    copies: dict[int, Any] = {}
    streams = [(s, read_stream(s)) for net in nets for s in streams_of(net)]
    try:
        for holder in holders:
            for slot, value in holder.items if holder.net and len(holder.items) <= ITEMS else ():
                if _is_state(value, frozen):
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


def _holders(value: Any, net: bool) -> Iterator[Holder]:
    """Gives the slots of one object, an object's attributes included."""
    if isinstance(value, dict):
        yield _of_dict(value, value, net)
    elif isinstance(value, list):
        content = list(value)
        yield Holder(value, list(enumerate(content)), value.__setitem__, partial(_refill, value, content), net)
    elif isinstance(value, deque):
        items = list(value)
        yield Holder(value, list(enumerate(items)), value.__setitem__, partial(_refill_deque, value, items), net)
    elif isinstance(value, set):
        members = set(value)
        yield Holder(value, [], lambda slot, new: None, partial(_refill_set, value, members), net)
    elif isinstance(value, CellType):
        yield from _of_cell(value, net)
    elif isinstance(value, FunctionType):
        if (names := state_names(value)) and not foreign(value):
            yield _ofstate_names(value.__globals__, names, net)
    elif isinstance(attributes := getattr(value, "__dict__", None), dict) and is_looked_into(value):
        yield _of_dict(value, attributes, net)


def _of_dict(owner: Any, content: dict, net: bool) -> Holder:
    saved = dict(content)
    return Holder(owner, saved.items(), content.__setitem__, partial(_refill_dict, content, saved), net)


def _ofstate_names(content: dict, names: Iterable[str], net: bool) -> Holder:
    saved = {name: content.get(name, EMPTY) for name in names}

    def back() -> None:
        for name, value in saved.items():
            if value is EMPTY:
                content.pop(name, None)
            elif content.get(name, EMPTY) is not value:
                content[name] = value

    return Holder(content, saved.items(), content.__setitem__, back, net)


def _of_cell(cell: CellType, net: bool) -> Iterator[Holder]:
    content = content_of(cell)
    if content is not EMPTY:
        put = partial(setattr, cell)
        yield Holder(cell, [("cell_contents", content)], put, partial(put, "cell_contents", content), net)


def _refill_dict(content: dict, saved: dict) -> None:
    if len(content) != len(saved) or any(content.get(key, EMPTY) is not value for key, value in saved.items()):
        kind: type[dict] = OrderedDict if isinstance(content, OrderedDict) else dict
        kind.clear(content)
        for key, value in saved.items():
            kind.__setitem__(content, key, value)


def _refill(content: list, saved: list) -> None:
    content[:] = saved


def _refill_deque(content: deque, saved: list) -> None:
    content.clear()
    content.extend(saved)


def _refill_set(content: set, saved: set) -> None:
    content.clear()
    content.update(saved)


def _is_state(value: Any, frozen: set[int]) -> bool:
    if isinstance(value, nn.Parameter):
        return id(value) in frozen
    if isinstance(value, np.ndarray):
        return value.base is None
    # What is computed from weights, or a view of them, is computed anew or moves with them.
    return isinstance(value, Tensor) and value.is_leaf and not (value._is_view() or value.is_inference())


def _copy(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.copy()
    clone = value.detach().clone()
    if isinstance(value, nn.Parameter):
        clone = nn.Parameter(clone, requires_grad=False)
        vars(clone).update(vars(value))
        return clone
    return clone.requires_grad_(value.requires_grad)
