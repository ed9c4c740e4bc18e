"""Somebody else's nets: what can be borrowed, what is inside of a wrapper, and how its ``forward`` is called."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from ignite_unlearn.errors import UnlearningError

_CALL, _EAGER = "_compiled_call_impl", "_torchdynamo_orig_callable"  # of Module.compile(); of what torch.compile gives
_COMPILABLE = (_CALL, "forward")


def refuse_net(net: Any, what: str) -> None:
    """Refuses what cannot be borrowed and put back.

    Args:
        net: what was given.
        what: it is, ``"generator"`` or ``"discriminator"``.

    Raises:
        UnlearningError: if it is no ``nn.Module``, one of TorchScript, or has parameters without a shape.

    Example:
        >>> refuse_net(nn.Linear(1, 1), "generator")
    """
    if not isinstance(net, nn.Module):
        raise UnlearningError(f"GAN(...) got {type(net).__name__} for the {what}: expected an nn.Module.")
    if isinstance(net, torch.jit.ScriptModule):
        raise UnlearningError(
            f"The {what} is a TorchScript module, which cannot be borrowed and put back: give the nn.Module that it "
            "was scripted or traced from."
        )
    if any(nn.parameter.is_lazy(parameter) for parameter in net.parameters()):
        raise UnlearningError(
            f"The {what} has lazy parameters that have no shape yet: load its trained weights, or call it once, before "
            "GAN(...)."
        )


def unwrap(net: nn.Module) -> nn.Module:
    """Returns the net inside ``DataParallel``, ``DistributedDataParallel``, ``torch.compile`` and opacus' wrapper."""
    while (inner := _inside(net)) is not None:
        net = inner
    return net


def _inside(net: nn.Module) -> nn.Module | None:
    if isinstance(net, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        return net.module
    # Known by name: importing what knows them takes seconds, and opacus may not be there.
    kinds = {kind.__name__ for kind in type(net).__mro__}
    name = "_orig_mod" if "OptimizedModule" in kinds else "_module" if "GradSampleModule" in kinds else ""
    inner = getattr(net, name, None)
    return inner if isinstance(inner, nn.Module) else None


def as_called(net: nn.Module) -> nn.Module:
    """Returns the module whose hooks every call of the net runs: what is compiled runs those of its wrapper."""
    while type(net).__name__ != "OptimizedModule" and (inner := _inside(net)) is not None:
        net = inner
    return net


@contextmanager
def uncompiled(net: nn.Module) -> Iterator[None]:
    """Calls a net and its parts as they were before ``torch.compile``: what is compiled does not run new hooks.

    Example:
        >>> net, calls = nn.Sequential(nn.Linear(1, 1)), []
        >>> net.compile(backend="eager")
        >>> hook = net[0].register_forward_hook(lambda *call: calls.append(call))
        >>> with uncompiled(net):
        ...     _ = net(torch.ones(1, 1))
        >>> len(calls), net._compiled_call_impl is None
        (1, False)
    """
    before = [(vars(m), name, vars(m)[name]) for m in net.modules() for name in _COMPILABLE if vars(m).get(name)]
    compiled = [(held, name, now) for held, name, now in before if name == _CALL or hasattr(now, _EAGER)]
    try:
        for held, name, now in compiled:
            held[name] = None if name == _CALL else getattr(now, _EAGER)
        yield
    finally:
        for held, name, now in compiled:
            held[name] = now


def takes_labels(discriminator: nn.Module) -> bool:
    """Returns whether a discriminator's ``forward`` takes labels beside the images, as far as its signature tells.

    Example:
        >>> takes_labels(nn.Linear(1, 1)), takes_labels(nn.Bilinear(1, 1, 1))
        (False, True)
    """
    parameters = list(inspect.signature(discriminator.forward).parameters.values())
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if any(p.kind == p.VAR_POSITIONAL for p in parameters):
        children = list(discriminator.children())
        if len(children) == 1 and not isinstance(discriminator, nn.Sequential):  # a wrapper of somebody's own
            return takes_labels(children[0])
        return not isinstance(discriminator, nn.Sequential)
    # A second argument with a default may be a switch (return_features=False): only a name of a label's counts then.
    return len(positional) > 1 and (
        positional[1].default is inspect.Parameter.empty
        or positional[1].name in {"y", "c", "label", "labels", "target", "targets", "cond", "class_labels", "classes"}
    )
