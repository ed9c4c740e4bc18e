"""The little that the unlearning step needs of ``ignite.distributed``: shards of a batch, sums over processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ignite.distributed as idist
import torch
from torch import Tensor


def shard(n: int) -> slice:
    """Returns this process's part of ``n`` rows that every process has drawn alike."""
    rank, world = idist.get_rank(), idist.get_world_size()
    return slice(n * rank // world, n * (rank + 1) // world)


def sum_over_processes(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Returns the sums over all processes, in one collective call that no process may skip."""
    if idist.get_world_size() == 1 or not tensors:
        return list(tensors)
    flat = torch.cat([t.detach().reshape(-1).to(tensors[0].dtype) for t in tensors])
    total = idist.all_reduce(flat)
    assert isinstance(total, Tensor)
    parts = total.split([t.numel() for t in tensors])
    return [part.view_as(t).to(t.dtype) for part, t in zip(parts, tensors, strict=True)]


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
    parts: Any = idist.all_gather(None if rows is None else rows.cpu().numpy())
    found = [torch.from_numpy(part) for part in parts if part is not None]
    return torch.cat(found) if found else None
