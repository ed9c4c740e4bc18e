"""The little that a phase needs of ``ignite.distributed``: shards, sums, and what every process must do alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any, TypeVar

import ignite.distributed as idist
import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningDivergedError

T = TypeVar("T")


def shard(n: int) -> slice:
    """Returns this process's part of ``n`` rows that every process has drawn alike."""
    rank, world = idist.get_rank(), idist.get_world_size()
    return slice(n * rank // world, n * (rank + 1) // world)


def sum_over_processes(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Returns the sums over all processes, in one collective call that no process may skip."""
    if idist.get_world_size() == 1 or not tensors:
        return list(tensors)
    # The same kind of numbers in each process, also in one that has no rows, and so none of some net's kind.
    dtype = reduce(torch.promote_types, (t.dtype for t in tensors), torch.float32)
    flat = torch.cat([t.detach().reshape(-1).to(dtype) for t in tensors])
    total = idist.all_reduce(flat)
    assert isinstance(total, Tensor)
    parts = total.split([t.numel() for t in tensors])
    return [part.view_as(t).to(t.dtype) for part, t in zip(parts, tensors, strict=True)]


def share(tensors: Iterable[Tensor]) -> None:
    """Gives the tensors of every process the first one's values, in place. A collective call.

    Replicas of DistributedDataParallel have equal weights, but statistics of BatchNorm of their own, and sums differ in
    the last bit between machines: where all must do the same, the first one's numbers are everybody's.
    """
    if idist.get_world_size() == 1:
        return
    kinds: dict[torch.dtype, list[Tensor]] = {}
    for tensor in tensors:
        kinds.setdefault(tensor.dtype, []).append(tensor.detach())
    for alike in kinds.values():
        flat = torch.cat([t.reshape(-1) for t in alike])
        first = idist.broadcast(flat.byte() if flat.dtype == torch.bool else flat, src=0)
        assert isinstance(first, Tensor)
        for tensor, part in zip(alike, first.split([t.numel() for t in alike]), strict=True):
            tensor.copy_(part.view_as(tensor))


def everywhere(true: bool) -> bool:
    """Returns whether it is true on every process. A collective call."""
    if idist.get_world_size() == 1:
        return true
    return int(idist.all_reduce(int(not true))) == 0


def together(act: Callable[[], T]) -> T:
    """Returns ``act()``; where it fails in one process, it does in all, so that none waits for it. A collective call.

    Raises:
        Exception: what ``act`` raises here.
        UnlearningDivergedError: if it raised in another process.
    """
    failed, made = None, None
    try:
        made = act()
    except Exception as error:  # whatever it is, the others must hear of it
        failed = error
    if not everywhere(failed is None):
        raise failed or UnlearningDivergedError(
            "This step of the phase failed in another process, which says why: this process ends with it."
        )
    return made  # type: ignore[return-value]


def from_first(act: Callable[[], T]) -> T:
    """Returns what ``act()`` returns in the first process, a plain value; all call it. A collective call.

    Raises:
        Exception: as :func:`together` does.

    Example:
        >>> from_first(lambda: {"forgotten_share": 0.5})
        {'forgotten_share': 0.5}
    """
    made = together(act)
    if idist.get_world_size() == 1:
        return made
    everyones: Any = idist.all_gather((made if idist.get_rank() == 0 else None,))
    return everyones[0][0]


def with_others(values: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the values ``(N,)`` of all processes, in the order of their ranks, and a mask of this one's own.

    A collective call: every process must take part, each with an N of its own.

    Example:
        >>> with_others(torch.tensor([3.0, 1.0]))
        (tensor([3., 1.]), tensor([True, True]))
    """
    values, rank = values.detach(), idist.get_rank()
    pairs = gather_rows(torch.stack([values.double(), torch.full_like(values, rank, dtype=torch.float64)], 1))
    assert pairs is not None
    return pairs[:, 0].to(values), pairs[:, 1].to(values.device) == rank


def gather_rows(rows: Tensor | None) -> Tensor | None:
    """Returns the rows ``(N, ...)`` of all processes, in the order of their ranks; None where no process has any.

    A collective call: every process must take part, each with an N of its own, or with None.

    Example:
        >>> gather_rows(torch.arange(3)).tolist()
        [0, 1, 2]
    """
    if idist.get_world_size() == 1:
        return rows
    # An object of any kind is gathered by pickling it, and tensors are pickled with all of their storage.
    parts: Any = idist.all_gather((None if rows is None else rows.detach().cpu().clone(),))
    found = [part for (part,) in parts if part is not None]
    # No rows have no shape that counts: a process may never have met any.
    return torch.cat([part for part in found if len(part)] or found[:1]) if found else None
