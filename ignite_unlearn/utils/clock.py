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


def duration(seconds: float) -> str:
    """Returns seconds in words, as exact as one plans by.

    Example:
        >>> [duration(seconds) for seconds in (0.2, 1.2, 48.3, 200, 9000)]
        ['less than a second', '1 second', '48 seconds', '3 minutes', '2.5 hours']
    """
    if seconds < 0.5:
        return "less than a second"
    if seconds < 90:
        return f"{seconds:.0f} second{'s' * (round(seconds) != 1)}"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


class Stopwatch:
    """Counts the seconds between ``start`` and ``stop``, over and over; either may be called twice.

    Example:
        >>> watch = Stopwatch()
        >>> watch.start()
        >>> watch.stop()
        >>> watch.seconds >= 0
        True
    """

    def __init__(self) -> None:
        self._before = 0.0
        self._since: float | None = None

    def start(self) -> None:
        """Goes on to count."""
        if self._since is None:
            self._since = wall_clock()

    def stop(self) -> None:
        """Counts no more."""
        self._before, self._since = self.seconds, None

    @property
    def seconds(self) -> float:
        """How many seconds were counted so far."""
        return self._before + (0.0 if self._since is None else wall_clock() - self._since)
