"""Which parameters of a net train: told, or seen in the loop's own optimisers, not by a moment's ``requires_grad``.

Loops freeze a net, or a part of it, between its turns; others freeze a part for good. What is frozen at a moment cannot
tell one from the other. So it is decided once, and what was decided is known of the net, whoever borrows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from torch import Tensor, nn
from torch.optim import Optimizer

from ignite_unlearn.errors import UnlearningError

Trained: TypeAlias = "Iterable[Optimizer | nn.Parameter]"
_KNOWN: WeakKeyDictionary[nn.Module, frozenset[str]] = WeakKeyDictionary()
_SHOWN = 3  # names in a sentence


def trained_names(net: nn.Module) -> frozenset[str]:
    """Returns the names of the parameters that train.

    Where nothing was decided, those that ask for gradients at the moment; all of a net of which none does, since loops
    freeze a net between its turns.

    Example:
        >>> net = nn.Linear(1, 1)
        >>> _ = net.bias.requires_grad_(False)
        >>> sorted(trained_names(net)), sorted(trained_names(net.requires_grad_(False)))
        (['weight'], ['bias', 'weight'])
    """
    if net in _KNOWN:
        return _KNOWN[net]
    asking = {name for name, p in net.named_parameters() if p.requires_grad}
    return frozenset(asking or dict(net.named_parameters()))


def trained_parameters(net: nn.Module) -> list[nn.Parameter]:
    """Returns the parameters that train, in the order of ``net.parameters()``."""
    if net in _KNOWN:
        return [p for name, p in net.named_parameters() if name in _KNOWN[net]]
    parameters = list(net.parameters())
    return [p for p in parameters if p.requires_grad] or parameters


def declare_trained(net: nn.Module, names: Iterable[str]) -> None:
    """Says which parameters of a net train, from now on."""
    _KNOWN[net] = frozenset(names)


def decide_trained(net: nn.Module, optimizers: Iterable[Optimizer]) -> None:
    """Decides which parameters of a net train, by the loop's optimisers as they are now.

    Of the parameters that one of them holds (of all, where none holds any): those that ask for gradients now, and those
    that an optimiser has moved before, as its moments tell; all of them, where that is none.

    Args:
        net: the net.
        optimizers: the loop's.

    Example:
        >>> import torch
        >>> net = nn.Linear(1, 1)
        >>> decide_trained(net, [torch.optim.Adam([net.weight])])
        >>> trained_names(net)
        frozenset({'weight'})
    """
    optimizers = list(optimizers)
    theirs = {id(p) for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]}
    moved = {id(p) for optimizer in optimizers for p in optimizer.state if isinstance(p, Tensor)}
    named = dict(net.named_parameters())
    mine = {name: p for name, p in named.items() if id(p) in theirs} or named
    declare_trained(net, {name for name, p in mine.items() if p.requires_grad or id(p) in moved} or mine)


def declared(nets: Mapping[str, nn.Module], trained: Trained) -> None:
    """Decides by what a user gave: optimisers, parameters, or both.

    Args:
        nets: the nets by what they are.
        trained: the loop's optimisers, or the parameters that train.

    Raises:
        UnlearningError: if it is neither, or a net has no part in it.
    """
    given = list(trained)
    for value in given:
        if not isinstance(value, (Optimizer, nn.Parameter)):
            raise UnlearningError(
                f"GAN(..., trained=...) holds a {type(value).__name__}: give the loop's optimisers, such as "
                "trained=(optG, optD), or the parameters that train."
            )
    optimizers = [value for value in given if isinstance(value, Optimizer)]
    single = {id(value) for value in given if isinstance(value, nn.Parameter)}
    theirs = {id(p) for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]}
    for what, net in nets.items():
        named = dict(net.named_parameters())
        chosen = {name for name, p in named.items() if id(p) in single}
        if any(id(p) in theirs for p in named.values()):
            decide_trained(net, optimizers)
            chosen |= trained_names(net)
        if named and not chosen:
            raise UnlearningError(
                f"GAN(..., trained=...) holds no parameter of the {what}: give the optimisers of both nets, or "
                "parameters of both."
            )
        declare_trained(net, chosen)


def optimizers_among(objects: Mapping[str, Any]) -> list[Optimizer]:
    """Returns the optimisers among objects, in their lists and dicts, and among their attributes, each once.

    Example:
        >>> import torch
        >>> optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), 0.1)
        >>> optimizers_among({"all": [optimizer], "one": optimizer}) == [optimizer]
        True
    """
    found: dict[int, Optimizer] = {}
    waiting = [(value, 2) for value in objects.values()]
    while waiting:
        value, depth = waiting.pop(0)
        if isinstance(value, Optimizer):
            found.setdefault(id(value), value)
        elif depth and isinstance(value, (list, tuple)):
            waiting += [(part, depth - 1) for part in value[:64]]
        elif depth and not isinstance(value, (type, Tensor)):
            # Attributes as they lie there: properties may raise.
            parts = value if isinstance(value, dict) else getattr(value, "__dict__", {})
            waiting += [(part, depth - 1) for part in list(parts.values())[:256]]
    return list(found.values())


def said_of_training(net: nn.Module, what: str) -> str | None:
    """Returns a sentence on which parameters of a net train; None where all do, and nothing was to be decided.

    Args:
        net: the net.
        what: it is, ``"generator"`` or ``"discriminator"``.

    Example:
        >>> net = nn.Linear(1, 1)
        >>> _ = net.bias.requires_grad_(False)
        >>> said_of_training(net, "generator")
        'The generator: 1 of 2 tensors trains; bias stays as it is.'
    """
    names, known = list(dict(net.named_parameters())), trained_names(net)
    staying = [name for name in names if name not in known]
    if staying:
        return (
            f"The {what}: {len(known)} of {len(names)} tensors {'trains' if len(known) == 1 else 'train'}; "
            f"{_listed(staying)} {'stays as it is' if len(staying) == 1 else 'stay as they are'}."
        )
    if names and net not in _KNOWN and not any(p.requires_grad for p in net.parameters()):
        return (
            f"The {what} is frozen at the moment, so all of its {len(names)} tensors are taken to train: if some do "
            "not, give the loop's optimisers, GAN(..., trained=(optG, optD))."
        )
    return None


def _listed(names: list[str]) -> str:
    shown = names if len(names) <= _SHOWN + 1 else [*names[:_SHOWN], f"{len(names) - _SHOWN} others"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
