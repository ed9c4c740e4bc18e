"""Metrics that need all images at once: rows collected over batches and processes, and resumable."""

from __future__ import annotations

from typing import Any

import ignite.distributed as idist
import torch
from ignite.metrics import Metric
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.utils.distributed import gather_rows


def as_it_is(output: Any) -> Any:
    """Returns the engine's output: what a metric's ``output_transform`` is where none is given."""
    return output


class Collected(Metric):
    """Collects rows of tensors under names; subclasses say what a batch adds and what is computed of all rows.

    The rows are kept on the CPU. :meth:`rows` gathers those of all processes; each may have seen other batches.
    """

    def reset(self) -> None:
        """Forgets all rows."""
        self._collected: dict[str, Tensor] = {}

    def add(self, name: str, rows: Tensor) -> None:
        """Adds rows ``(N, ...)`` under a name."""
        rows = rows.detach().cpu()
        self._collected[name] = torch.cat([self._collected[name], rows]) if name in self._collected else rows

    def rows(self, name: str) -> Tensor | None:
        """Returns the rows of all processes, None if there are none: every process must ask for them."""
        return gather_rows(self._collected.get(name))

    def state_dict(self) -> Any:
        """Returns the rows of each process: a collective call."""
        mine = dict(self._collected)
        return {"processes": idist.all_gather(mine) if idist.get_world_size() > 1 else [mine]}

    def load_state_dict(self, state_dict: Any) -> None:
        """Loads this process's rows.

        Raises:
            UnlearningError: if they were saved by another number of processes.
        """
        processes = state_dict["processes"]
        if len(processes) != idist.get_world_size():
            raise UnlearningError(
                f"{type(self).__name__} was saved by {len(processes)} processes and cannot be resumed by "
                f"{idist.get_world_size()}: use as many, or begin the evaluation anew."
            )
        self._collected = dict(processes[idist.get_rank()])
