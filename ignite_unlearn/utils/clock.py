"""Wall-clock time that waits for what a GPU still has to do."""

from __future__ import annotations

import time

import torch


def wall_clock() -> float:
    """Returns seconds of a clock that never goes back, after all work given to CUDA devices is done.

    Example:
        >>> start = wall_clock()
        >>> wall_clock() - start >= 0
        True
    """
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()
