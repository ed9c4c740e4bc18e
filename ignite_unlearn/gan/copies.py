"""Copies of nets that are proven to have nothing to do with the original.

``copy.deepcopy`` copies modules and bound methods, but takes functions as they are. So a net whose ``forward`` was
replaced on the instance, by a decorator, by ``torch.autocast`` or ``torch.compile``, would go on calling the original.
Here functions that hold something are bound anew to copies of what they hold, and then nothing of the copy may lead to
a module or parameter of the original.
"""

from __future__ import annotations

import copy
from collections import deque
from functools import partial
from types import CellType, FunctionType, MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.reach import reached
from ignite_unlearn.gan.trained import declare_trained, trained_names

_COMPILED = "_torchdynamo_orig_callable"
_COPIED = (Tensor, np.ndarray, dict, list, tuple, set, deque, FunctionType, MethodType, partial)


def frozen_copy(net: nn.Module, what: str = "net") -> nn.Module:
    """Returns a copy in eval mode whose parameters ask for no gradients, and which leads nowhere to the original.

    What was compiled on the instance is copied as it was before.

    Args:
        net: the net.
        what: it is, for the message.

    Raises:
        UnlearningError: if it cannot be copied, or the copy would still call the original.

    Example:
        >>> net = nn.Linear(1, 1)
        >>> net.forward = torch.no_grad()(net.forward)
        >>> copied = frozen_copy(net)
        >>> _ = nn.init.zeros_(copied.weight), nn.init.zeros_(copied.bias)
        >>> copied.weight.requires_grad, copied(torch.ones(1, 1)).item()
        (False, 0.0)
    """
    found = [value for value, _ in reached(net)]
    memo: dict[int, Any] = {}
    for value in found:
        if isinstance(value, Tensor) and not value.is_leaf:
            # Activations, and what the old weight_norm and spectral_norm compute: deepcopy refuses them.
            memo[id(value)] = value.detach().clone()
        elif isinstance(value, torch.Generator):
            memo[id(value)] = _same_stream(value)
        elif isinstance(value, MethodType) and not _leads_to(value.__self__, net):  # a hook of something beside it
            memo[id(value.__self__)] = value.__self__
    # Functions of classes are the same for all nets of the class.
    functions = [value for value in found if isinstance(value, FunctionType) and _is_bound(value, net)]
    bound = [(f, _bound_anew(f, memo)) for f in functions]
    before = dict(memo)
    try:
        for function, new in bound:
            _fill(function, new, net, memo)
        copied = copy.deepcopy(net, memo)
    except Exception as error:  # whatever somebody's attributes raise
        raise UnlearningError(
            f"The {what} cannot be copied, {_culprit(net, before)} ends in {type(error).__name__}: "
            f"{(str(error).splitlines() or ['no message'])[0].rstrip('.')}. Take this off the net before GAN(...), or "
            "give its class a __deepcopy__."
        ) from error
    _refuse_shared(net, copied, what)
    declare_trained(copied, trained_names(net))
    return copied.eval().requires_grad_(False)


def _is_bound(function: FunctionType, net: nn.Module) -> bool:
    if not (function.__closure__ or function.__defaults__ or function.__kwdefaults__ or vars(function)):
        return False
    return not any(function is vars(kind).get(function.__name__) for m in net.modules() for kind in type(m).__mro__)


def _bound_anew(function: FunctionType, memo: dict[int, Any]) -> FunctionType:
    """Returns the same function with cells of its own, empty as yet."""
    if hasattr(function, _COMPILED):
        new = _passing_on()
    else:
        cells = tuple(CellType() for _ in function.__closure__ or ())
        new = FunctionType(function.__code__, function.__globals__, function.__name__, None, cells or None)
    new.__qualname__, new.__module__, new.__doc__ = function.__qualname__, function.__module__, function.__doc__
    memo[id(function)] = new
    return new


def _passing_on() -> FunctionType:
    called: Any = None

    def forward(*args: Any, **kwargs: Any) -> Any:
        return called(*args, **kwargs)

    return forward  # type: ignore[return-value]


def _fill(function: FunctionType, new: FunctionType, net: nn.Module, memo: dict[int, Any]) -> None:
    def copied(value: Any) -> Any:
        # What stands beside the net, such as a logger or an engine in a hook's closure, is no part of it.
        return copy.deepcopy(value, memo) if isinstance(value, _COPIED) or _leads_to(value, net) else value

    if hasattr(function, _COMPILED):
        (new.__closure__ or ())[0].cell_contents = copied(getattr(function, _COMPILED))
        return
    for cell, own in zip(function.__closure__ or (), new.__closure__ or (), strict=True):
        try:
            own.cell_contents = copied(cell.cell_contents)
        except ValueError:  # not assigned yet
            continue
    new.__defaults__ = None if function.__defaults__ is None else tuple(map(copied, function.__defaults__))
    if function.__kwdefaults__ is not None:
        new.__kwdefaults__ = {name: copied(value) for name, value in function.__kwdefaults__.items()}
    vars(new).update({name: copied(value) for name, value in vars(function).items()})


def _leads_to(value: Any, net: nn.Module) -> bool:
    own = {id(module) for module in net.modules()}
    return any(id(part) in own for part, _ in reached(value))


def _same_stream(stream: torch.Generator) -> torch.Generator:
    other = torch.Generator(stream.device)
    other.set_state(stream.get_state())
    return other


def _refuse_shared(net: nn.Module, copied: nn.Module, what: str) -> None:
    own = {id(part) for module in net.modules() for part in (module, *module._parameters.values()) if part is not None}

    def shares(*roots: Any, whole: bool = False) -> bool:
        return any(id(part) in own for part, _ in reached(*roots, whole=whole))

    # A forward that somebody else owns may call any net of theirs; a hook of theirs only looks.
    replaced = {name: vars(m)["forward"] for name, m in copied.named_modules() if "forward" in vars(m)}
    for name, forward in replaced.items():
        if shares(forward, whole=True):
            raise UnlearningError(_said(what, f"{name}.forward".lstrip(".")))
    if shares(copied):
        where = [f"{name}.{key}".lstrip(".") for name, m in copied.named_modules() for key, v in vars(m).items()
                 if key != "_modules" and shares(v)]  # fmt: skip
        raise UnlearningError(_said(what, where[0] if where else "a method of its class"))


def _said(what: str, where: str) -> str:
    return (
        f"A copy of the {what} would still call the original, by {where}: it reaches the net by a global name or by "
        "another object. Let it take the net from an argument or from self, or put it on after GAN(...) and attach()."
    )


def _culprit(net: nn.Module, memo: dict[int, Any]) -> str:
    for name, module in net.named_modules():
        for key, value in vars(module).items():
            try:
                if key != "_modules":
                    copy.deepcopy(value, dict(memo))
            except Exception:  # the one that is looked for
                return f"its attribute {f'{name}.{key}'.lstrip('.')}"
    return "which"
