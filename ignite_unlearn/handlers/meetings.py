"""Where the processes of a data-parallel loop meet: at the beginning of each iteration, and at the end of an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import ignite.distributed as idist
import torch
from ignite.engine import Engine
from torch import Tensor


@dataclass(frozen=True)
class Place:
    """Where the rows of this process's batch lie in the global batch: all rows, in the order of the ranks.

    Attributes:
        first: how many rows come before them.
        rows: how many they are.
        total: how many rows the global batch has.
        iteration: the number of the global batch.
    """

    first: int
    rows: int
    total: int
    iteration: int


class Meetings:
    """Tells every process how many rows the others have, so that all draw what one process with all rows would.

    The processes of a loop need not have equally many rows, or batches. A process that has no batch left in an epoch
    waits for the others, and takes part in the unlearning steps of theirs.

    Example:
        >>> Meetings().begin(12, iteration=3)
        Place(first=0, rows=12, total=12, iteration=3)
    """

    def __init__(self) -> None:
        self._absent = 0  # global batches of which this process had no rows, not even an empty batch

    def begin(self, rows: int, iteration: int) -> Place:
        """Returns where the rows of this process's batch lie; a collective call.

        Args:
            rows: how many it has.
            iteration: of the loop in this process.
        """
        place = self._meet(rows, iteration)
        assert place is not None, "this process has a batch"
        return place

    def left(self, engine: Engine) -> Iterator[Place]:
        """Returns where this process, whose epoch is over, stands in each batch that others still have.

        Whoever goes over them takes part in the others' iterations. A collective call.
        """
        while not engine.should_terminate:
            place = self._meet(None, engine.state.iteration + 1)
            if place is None:
                return
            self._absent += 1
            yield place

    def _meet(self, rows: int | None, iteration: int) -> Place | None:
        """Returns where this process stands; None where no process has a batch."""
        mine = torch.tensor([[-1 if rows is None else rows, iteration + self._absent]])
        told = mine if idist.get_world_size() == 1 else idist.all_gather(mine)
        assert isinstance(told, Tensor)
        counts, rank = told[:, 0].clamp(min=0).tolist(), idist.get_rank()
        if bool((told[:, 0] < 0).all()):
            return None
        return Place(sum(counts[:rank]), counts[rank], sum(counts), int(told[:, 1].max()))
