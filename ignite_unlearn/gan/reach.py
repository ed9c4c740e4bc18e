"""What a net leads to: what its modules hold, and what its forward, hooks and methods hold in turn."""

from __future__ import annotations

import dis
import random
import sys
import sysconfig
from collections import deque
from collections.abc import Iterator
from functools import lru_cache, partial
from types import BuiltinMethodType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

STREAMS = (torch.Generator, random.Random, np.random.Generator, np.random.RandomState)
ITEMS = 1024  # a container of more is put back, but not looked into
EMPTY = object()
_DEPTH = 8  # of what is held by what is held
_ATOMS = {int, float, complex, str, bytes, bool, type(None), type, torch.dtype, torch.device, torch.Size, CodeType}
# What every module holds, and what is mostly empty: hooks, and the dicts of parameters and modules.
_MACHINERY = frozenset(name for name, value in vars(nn.Module()).items() if value == {}) - {"_buffers"}


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
        if type(value) in _ATOMS or id(value) in seen or depth > _DEPTH or _is_our_own(value):
            continue
        seen.add(id(value))
        found.append((value, net))
        for part, of_net in _parts(value, net):
            # Modules inside of modules are no deeper than these.
            waiting.append((part, of_net or whole, 0 if isinstance(part, nn.Module) else depth + 1))
    return found


def _parts(value: Any, net: bool) -> Iterator[tuple[Any, bool]]:
    """Gives what one object leads to."""
    if isinstance(value, Tensor):
        return
    if isinstance(value, nn.Module):
        for name, part in vars(value).items():
            if type(part) not in _ATOMS and not (name in _MACHINERY and not part):
                yield part, net
        yield from ((function, net) for function in _methods(type(value)))  # type: ignore[arg-type]
    elif isinstance(value, (dict, list, tuple, set, frozenset, deque)):
        if len(value) <= ITEMS:
            yield from ((part, net) for part in (value.values() if isinstance(value, dict) else value))
    elif isinstance(value, CellType):
        if (content := content_of(value)) is not EMPTY:
            yield content, net and not _stands_beside(content)
    elif isinstance(value, FunctionType):
        yield from ((cell, net) for cell in value.__closure__ or ())
        yield from ((part, net) for part in (value.__defaults__, value.__kwdefaults__, value.__dict__) if part)
        if not foreign(value):
            parts = [value.__globals__[name] for name in state_names(value)]
            yield from ((part, net and not _stands_beside(part)) for part in parts)
    elif isinstance(value, (MethodType, BuiltinMethodType)):
        owner = value.__self__
        yield owner, net and isinstance(owner, nn.Module)
        if isinstance(value, MethodType):
            yield value.__func__, net
    elif isinstance(value, partial):
        yield from ((part, net) for part in (value.func, value.args, value.keywords))
    elif is_looked_into(value):
        # Nets of whoever owns a hook are no part of the net.
        attributes = getattr(value, "__dict__", {}).values()
        yield from ((part, net) for part in attributes if net or not isinstance(part, nn.Module))


def _stands_beside(value: Any) -> bool:
    return not isinstance(
        value, (nn.Module, Tensor, np.ndarray, dict, list, tuple, set, deque, FunctionType, MethodType)
    )


def is_looked_into(value: Any) -> bool:
    """Returns whether an object's attributes are state: those of modules and of somebody's own classes."""
    return isinstance(value, nn.Module) or not (isinstance(value, (Tensor, *STREAMS)) or foreign(type(value)))


def content_of(cell: CellType) -> Any:
    """Returns what a closure's cell holds, ``EMPTY`` where that is nothing yet."""
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return EMPTY


def foreign(kind: type | FunctionType) -> bool:
    """Returns whether a class or function is the standard library's or an installed package's, and not looked into."""
    return _is_foreign(kind.__module__ or "")


def _is_our_own(value: Any) -> bool:
    """Returns whether a function is this package's: what a hook of its own collects is meant to stay."""
    return type(value) is FunctionType and (value.__module__ or "").startswith("ignite_unlearn.")


@lru_cache(maxsize=4096)
def _names_in(code: CodeType) -> tuple[str, ...]:
    # Not co_names, which holds names of attributes too.
    own = (i.argval for i in dis.get_instructions(code) if i.opname.endswith("_GLOBAL"))
    inner = (name for const in code.co_consts if isinstance(const, CodeType) for name in _names_in(const))
    return tuple(dict.fromkeys((*own, *inner)))


def state_names(function: FunctionType) -> list[str]:
    """Returns the globals that a function names and that may be state: no modules, classes or functions of others."""
    found = function.__globals__
    return [name for name in _names_in(function.__code__) if name in found and _may_be_state(found[name])]


def _may_be_state(value: Any) -> bool:
    if isinstance(value, (type, ModuleType)):
        return False
    if isinstance(value, FunctionType):
        return not foreign(value)
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
