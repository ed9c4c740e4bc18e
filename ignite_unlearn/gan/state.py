"""What a net keeps beside the weights that train, and how it is put back.

A net's state is whatever its modules hold, or whatever its own ``forward``, its hooks and its methods hold in closures,
owners and globals: buffers, frozen parameters, tensors and arrays as plain attributes, counters, lists that hooks
append to, random number generators. One idea covers all of it: everything lies in *slots* of *holders* (a module's
attributes, a list, a closure's cell). All slots are written down; for the body, tensors in them are replaced by clones,
so that the originals are never written to; afterwards every slot holds again what it held.
"""

from __future__ import annotations

import dis
import random
import sys
import sysconfig
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from types import BuiltinMethodType, CellType, CodeType, FunctionType, MethodType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

STREAMS = (torch.Generator, random.Random, np.random.Generator, np.random.RandomState)
_ITEMS = 1024  # a container of more is put back, but not looked into
_DEPTH = 8  # of what is held by what is held
_EMPTY = object()


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


def reached(*roots: Any, whole: bool = False) -> list[tuple[Any, bool]]:
    """Returns what modules, functions or containers lead to, each once, and whether it is a net's own.

    Args:
        roots: where to begin.
        whole: also enter nets that belong to whoever owns a hook.
    """
    found: list[tuple[Any, bool]] = []  # keeps all alive: an id is an object's own only so long
    waiting: list[tuple[Any, bool, int]] = [(root, True, 0) for root in reversed(roots)]
    seen: set[int] = set()
    while waiting:
        value, net, depth = waiting.pop()
        if isinstance(value, _ATOMS) or id(value) in seen or depth > _DEPTH or _is_our_own(value):
            continue
        seen.add(id(value))
        found.append((value, net))
        for part, of_net in _parts(value, net):
            # Modules inside of modules are no deeper than these.
            waiting.append((part, of_net or whole, 0 if isinstance(part, nn.Module) else depth + 1))
    return found


@contextmanager
def state_kept(*nets: nn.Module, trained: Iterable[nn.Parameter]) -> Iterator[None]:
    """Puts back all state of nets after the body, but the values of the parameters that train.

    Args:
        nets: whose state.
        trained: the parameters that stay as the body leaves them.

    Example:
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
            for slot, value in holder.items if holder.net and len(holder.items) <= _ITEMS else ():
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


def streams_of(net: nn.Module) -> list[Any]:
    """Returns the random number generators that a net keeps for itself."""
    return [value for value, _ in reached(net) if isinstance(value, STREAMS)]


def foreign(kind: type) -> bool:
    """Returns whether a class or function is the standard library's or an installed package's: it is not looked into."""
    return _is_foreign(kind.__module__ or "")


def _is_our_own(value: Any) -> bool:
    """Returns whether a function is this package's: what a hook of its own collects is meant to stay."""
    return isinstance(value, FunctionType) and (value.__module__ or "").startswith("ignite_unlearn.")


_ATOMS = (int, float, complex, str, bytes, bool, type(None), type, torch.dtype, torch.device, torch.Size, CodeType)


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
        if (names := _names(value)) and not _is_foreign(value.__module__ or ""):
            yield _of_names(value.__globals__, names, net)
    elif isinstance(attributes := getattr(value, "__dict__", None), dict) and _is_looked_into(value):
        yield _of_dict(value, attributes, net)


def _parts(value: Any, net: bool) -> Iterator[tuple[Any, bool]]:
    """Gives what one object leads to."""
    if isinstance(value, (dict, list, tuple, set, frozenset, deque)):
        if len(value) <= _ITEMS:
            yield from ((part, net) for part in (value.values() if isinstance(value, dict) else value))
    elif isinstance(value, CellType):
        if (content := _content(value)) is not _EMPTY:
            yield content, net and not _stands_beside(content)
    elif isinstance(value, FunctionType):
        yield from ((cell, net) for cell in value.__closure__ or ())
        yield from ((part, net) for part in (value.__defaults__, value.__kwdefaults__, value.__dict__) if part)
        if not _is_foreign(value.__module__ or ""):
            parts = [value.__globals__[name] for name in _names(value)]
            yield from ((part, net and not _stands_beside(part)) for part in parts)
    elif isinstance(value, (MethodType, BuiltinMethodType)):
        owner = value.__self__
        yield owner, net and isinstance(owner, nn.Module)
        if isinstance(value, MethodType):
            yield value.__func__, net
    elif isinstance(value, partial):
        yield from ((part, net) for part in (value.func, value.args, value.keywords))
    elif isinstance(value, nn.Module):
        yield from ((part, net) for part in vars(value).values())
        yield from ((function, net) for function in _methods(type(value)))
    elif _is_looked_into(value):
        # Nets of whoever owns a hook are no part of the net.
        attributes = getattr(value, "__dict__", {}).values()
        yield from ((part, net) for part in attributes if net or not isinstance(part, nn.Module))


def _stands_beside(value: Any) -> bool:
    return not isinstance(value, (nn.Module, Tensor, np.ndarray, dict, list, tuple, set, deque, FunctionType, MethodType))


def _is_looked_into(value: Any) -> bool:
    return isinstance(value, nn.Module) or not (isinstance(value, (Tensor, *STREAMS)) or foreign(type(value)))


def _of_dict(owner: Any, content: dict, net: bool) -> Holder:
    saved = dict(content)
    return Holder(owner, saved.items(), content.__setitem__, partial(_refill_dict, content, saved), net)


def _of_names(content: dict, names: Iterable[str], net: bool) -> Holder:
    saved = {name: content.get(name, _EMPTY) for name in names}

    def back() -> None:
        for name, value in saved.items():
            if value is _EMPTY:
                content.pop(name, None)
            elif content.get(name, _EMPTY) is not value:
                content[name] = value

    return Holder(content, saved.items(), content.__setitem__, back, net)


def _of_cell(cell: CellType, net: bool) -> Iterator[Holder]:
    content = _content(cell)
    if content is not _EMPTY:
        put = partial(setattr, cell)
        yield Holder(cell, [("cell_contents", content)], put, partial(put, "cell_contents", content), net)


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return _EMPTY


def _refill_dict(content: dict, saved: dict) -> None:
    if len(content) != len(saved) or any(content.get(key, _EMPTY) is not value for key, value in saved.items()):
        kind = OrderedDict if isinstance(content, OrderedDict) else dict
        kind.clear(content)  # type: ignore[arg-type]
        for key, value in saved.items():
            kind.__setitem__(content, key, value)  # type: ignore[arg-type]


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


def read_stream(stream: Any) -> Any:
    """Returns the state of a random number generator."""
    if isinstance(stream, np.random.Generator):
        return stream.bit_generator.state
    return stream.getstate() if isinstance(stream, random.Random) else stream.get_state()


def write_stream(stream: Any, state: Any) -> None:
    """Puts a random number generator into a state that was read from it."""
    if isinstance(stream, np.random.Generator):
        stream.bit_generator.state = state
    elif isinstance(stream, random.Random):
        stream.setstate(state)
    else:
        stream.set_state(state)


@lru_cache(maxsize=4096)
def _names_in(code: CodeType) -> tuple[str, ...]:
    # Not co_names, which holds names of attributes too.
    own = (i.argval for i in dis.get_instructions(code) if i.opname.endswith("_GLOBAL"))
    inner = (name for const in code.co_consts if isinstance(const, CodeType) for name in _names_in(const))
    return tuple(dict.fromkeys((*own, *inner)))


def _names(function: FunctionType) -> list[str]:
    """Returns the globals that a function names and that may be state: no modules, classes or functions of others."""
    found = function.__globals__
    return [name for name in _names_in(function.__code__) if name in found and _may_be_state(found[name])]


def _may_be_state(value: Any) -> bool:
    if isinstance(value, (type, type(sys))):
        return False
    if isinstance(value, FunctionType):
        return not _is_foreign(value.__module__ or "")
    return True


@lru_cache(maxsize=1024)
def _methods(kind: type) -> tuple[FunctionType, ...]:
    """Returns the functions of a class and of those above it, as far as they are somebody's own."""
    own = (k for k in kind.__mro__ if not _is_foreign(k.__module__ or ""))
    return tuple(f for k in own for f in vars(k).values() if isinstance(f, FunctionType))


@lru_cache(maxsize=4096)
def _is_foreign(module: str) -> bool:
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top in {"torch", "numpy", "ignite", "ignite_unlearn", "builtins"}:
        return True
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    return file.startswith((sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"]))
