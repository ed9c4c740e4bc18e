"""What an object holds, however deep: tensors, nets and data sets."""

from __future__ import annotations

import functools
import types
from collections import deque
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, TypeAlias

import numpy as np
import torch
from ignite.engine import Engine
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.nets import unwrap

Holding: TypeAlias = "Tensor | nn.Module | Dataset | torch.optim.Optimizer"
_PLAIN = (str, bytes, int, float, complex, bool, type(None), type, types.ModuleType, types.FunctionType, torch.device)
_DEPTH = 12


class Own:
    """The nets of the unlearned GAN, and their tensors: what may stay.

    Args:
        gan: the unlearned GAN.
    """

    def __init__(self, gan: GAN):
        nets = [unwrap(net) for net in (gan.generator, gan.discriminator)]
        self._nets = {id(net) for net in nets}
        self._places = {t.data_ptr() for net in nets for t in (*net.parameters(), *net.buffers()) if t.numel()}

    def has(self, thing: object) -> bool:
        """Returns whether a thing is one of them, or shares its numbers with one."""
        if isinstance(thing, nn.Module):
            return id(unwrap(thing)) in self._nets
        return isinstance(thing, Tensor) and thing.numel() > 0 and thing.data_ptr() in self._places


def holdings(thing: Any, own: Own) -> Iterator[Holding]:
    """Yields every net, data set, optimiser and tensor that an object holds and that is not the unlearned GAN's own.

    Example:
        >>> gan = GAN(nn.Linear(2, 2), nn.Linear(2, 1), latents=(2,))
        >>> [type(held).__name__ for held in holdings({"a": [gan, gan.teacher()]}, Own(gan))]
        ['Linear', 'Linear']
    """
    yield from _walk(thing, own, set(), 0)


def tensors(held: Any) -> Iterator[Tensor]:
    """Yields the tensors in nets, optimisers, arrays, and nested dicts and lists of them."""
    if isinstance(held, Tensor):
        yield held
    elif isinstance(held, np.ndarray):
        if held.dtype.kind in "fiu":
            yield torch.from_numpy(np.ascontiguousarray(held))
    elif isinstance(held, nn.Module):
        yield from held.state_dict().values()
    elif isinstance(held, torch.optim.Optimizer):
        yield from tensors(held.state_dict()["state"])
    elif isinstance(held, Mapping):
        for value in held.values():
            yield from tensors(value)
    elif isinstance(held, (list, tuple, deque)):
        for value in held:
            yield from tensors(value)


def _walk(thing: Any, own: Own, seen: set[int], depth: int) -> Iterator[Holding]:
    if isinstance(thing, _PLAIN) or id(thing) in seen or depth > _DEPTH or own.has(thing):
        return
    seen.add(id(thing))
    if isinstance(thing, (Tensor, nn.Module, torch.optim.Optimizer, Dataset)):
        yield thing
    if isinstance(thing, np.ndarray):
        yield from tensors(thing)
    if isinstance(thing, (Tensor, nn.Module, torch.optim.Optimizer, np.ndarray)):
        return
    for part in _parts(thing):
        yield from _walk(part, own, seen, depth + 1)


def _parts(thing: Any) -> Sequence[Any]:
    if isinstance(thing, Mapping):
        return list(thing.values())
    if isinstance(thing, (Sequence, deque, Set)):
        return list(thing)
    if isinstance(thing, GAN):
        return [thing.generator, thing.discriminator]
    if isinstance(thing, Engine):  # not its handlers: they are objects of their own
        return [getattr(thing.state, name, None) for name in ("batch", "output", "dataloader")]
    if isinstance(thing, DataLoader):
        return [thing.dataset]
    if isinstance(thing, functools.partial):
        return [thing.func, *thing.args, *thing.keywords.values()]
    if isinstance(thing, types.MethodType):
        return [thing.__self__]
    return list(getattr(thing, "__dict__", {}).values())
