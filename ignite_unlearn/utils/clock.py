"""Wall-clock time that waits for what a GPU still has to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

_P = ParamSpec("_P")
_T = TypeVar("_T")


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


class CallTimer:
    """Counts the seconds that calls of a function take.

    Attributes:
        seconds: so far; None: nothing is to be timed.

    Example:
        >>> timer = CallTimer()
        >>> timer.seconds, timer.timing(sorted)([2, 1]), timer.seconds >= 0
        (None, [1, 2], True)
    """

    def __init__(self) -> None:
        self.seconds: float | None = None

    def state_dict(self) -> dict[str, float | None]:
        """Returns the seconds so far."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state: Mapping[str, float | None]) -> None:
        """Goes on from the seconds that :meth:`state_dict` returned."""
        self.seconds = state["seconds"]

    def timing(self, function: Callable[_P, _T]) -> Callable[_P, _T]:
        """Returns the function, whose calls are timed from now on."""
        self.seconds = self.seconds or 0.0

        @wraps(function)
        def timed(*args: _P.args, **options: _P.kwargs) -> _T:
            start = wall_clock()
            try:
                return function(*args, **options)
            finally:
                self.seconds = (self.seconds or 0.0) + wall_clock() - start

        return timed


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
