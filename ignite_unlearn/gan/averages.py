"""Averages of a net's weights: copies that somebody else keeps, and that forget at a pace of their own, or never.

Ignite's ``EMAHandler``, ``torch.optim.swa_utils.AveragedModel``, StyleGAN's ``G_ema``, a copy kept by hand, Lightning's
weight averaging: whoever releases such a copy releases what it remembers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType
from typing import Any, NamedTuple

import torch
from ignite.engine import Engine
from torch import nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

# Lightning's callbacks that put an average into the module's place when fit() ends.
SWAPPING = frozenset({"WeightAveraging", "EMAWeightAveraging", "StochasticWeightAveraging"})
_NAMED = re.compile(r"(^|_)(ema|avg|average|averaged|swa|shadow)($|_)|^G_?ema", re.IGNORECASE)
_DEPTH = 3  # handlers inside of handlers, such as Ignite's filters


class Average(NamedTuple):
    """An averaged copy of a net.

    Attributes:
        name: what keeps it, such as ``"EMAHandler"`` or the name of a variable.
        net: the copy.
    """

    name: str
    net: nn.Module


def averages(net: nn.Module, objects: Mapping[str, Any]) -> list[Average]:
    """Returns the averaged copies of ``net`` among objects and their attributes, each once.

    A copy is one that a known class keeps, or whose name says so; it has parameters of the same shapes.

    Args:
        net: the net that is trained.
        objects: modules, handlers, trainers by name.

    Example:
        >>> net = nn.Linear(2, 2)
        >>> [average.name for average in averages(net, {"mine": AveragedModel(net), "G_ema": nn.Linear(2, 2)})]
        ['AveragedModel', 'G_ema']
    """
    found: dict[int, Average] = {}
    for name, value in objects.items():
        for title, candidate in _candidates(name, value):
            if candidate is not net and _same_form(candidate, net):
                found.setdefault(id(candidate), Average(title, candidate))
    return list(found.values())


def kept_around(trainer: Engine) -> dict[str, Any]:
    """Returns what a trainer, its step and its handlers hold, by name, as far as Python lets one see it."""
    objects = {name: value for name, value in vars(trainer).items() if not name.startswith("_")}
    handlers = [entry for entries in trainer._event_handlers.values() for entry in entries]
    for function in (trainer._process_function, *(part for handler, args, _ in handlers for part in (handler, *args))):
        for name, value in _held(function, _DEPTH):
            objects.setdefault(name if name not in objects else f"{name} {len(objects)}", value)
    return objects


def lag(average: nn.Module, net: nn.Module, original: nn.Module) -> float:
    """Returns how much of the way from the original to the net an average has still to go: 1 at the original, 0 there.

    Example:
        >>> original, net, half = nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(1, 1)
        >>> for part, value in ((original, 0.0), (net, 2.0), (half, 1.0)):
        ...     _ = [nn.init.constant_(p, value) for p in part.parameters()]
        >>> lag(half, net, original)
        0.5
    """
    whole = _distance(original, net)
    return _distance(average, net) / whole if whole > 0 else 0.0


def swapping(callbacks: Iterable[Any]) -> str | None:
    """Returns the name of the Lightning callback that puts an average in the place of the weights; None without one."""
    for callback in callbacks:
        if SWAPPING & {kind.__name__ for kind in type(callback).__mro__}:
            return type(callback).__name__
    return None


def _candidates(name: str, value: Any, inside: bool = False) -> Iterator[tuple[str, nn.Module]]:
    if isinstance(value, AveragedModel):
        yield type(value).__name__, value.module
    elif isinstance(getattr(value, "ema_model", None), nn.Module):  # Ignite's EMAHandler, and others of that name
        yield type(value).__name__, value.ema_model
    elif isinstance(value, nn.Module):
        if _NAMED.search(name):
            yield name, value
        for child, module in value.named_children():
            if not inside and (_NAMED.search(child) or isinstance(module, AveragedModel)):
                yield from _candidates(child, module, inside=True)
    elif not inside and not isinstance(value, (Engine, type)):
        members = value if isinstance(value, dict) else getattr(value, "__dict__", {})
        for attribute, part in list(members.items()):
            if isinstance(part, nn.Module):
                yield from _candidates(str(attribute), part, inside=True)


def _held(function: Any, depth: int) -> Iterator[tuple[str, Any]]:
    owner = getattr(function, "__self__", None)
    if owner is not None:
        yield type(owner).__name__, owner
    function = getattr(function, "__func__", function)
    if not isinstance(function, FunctionType) or depth == 0:
        return
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    for name, cell in cells.items():
        try:
            value = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
        yield name, value
        if callable(value) and not isinstance(value, nn.Module):
            yield from _held(value, depth - 1)
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if isinstance(value, (nn.Module, Optimizer)) or hasattr(value, "ema_model"):
            yield name, value
        elif isinstance(value, FunctionType) and value.__module__ == function.__module__:  # a helper of the same script
            yield from _held(value, depth - 1)


def _same_form(one: nn.Module, other: nn.Module) -> bool:
    shapes = [[p.shape for p in net.parameters()] for net in (one, other)]
    return bool(shapes[0]) and shapes[0] == shapes[1]


def _distance(one: nn.Module, other: nn.Module) -> float:
    with torch.no_grad():
        pairs = zip(one.parameters(), other.parameters(), strict=True)
        return float(sum((a.double().cpu() - b.double().cpu()).square().sum() for a, b in pairs)) ** 0.5
