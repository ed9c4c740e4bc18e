"""Signals that ask a run to end: heard at once, obeyed where its work is saved."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeAlias

_Handler: TypeAlias = Callable[[int, FrameType | None], object]
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """A signal asked for the end.

    Attributes:
        status: that a process ends with after this signal.
    """

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number


class Signals:
    """What was heard since; a second signal raises at once, for somebody who cannot wait."""

    def __init__(self) -> None:
        self._heard: int | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Hears a signal."""
        if self._heard is not None:
            raise Interrupted(number)
        self._heard = number

    def obey(self) -> None:
        """Raises :class:`Interrupted` if a signal was heard."""
        if self._heard is not None:
            raise Interrupted(self._heard)

    def __bool__(self) -> bool:
        return self._heard is not None


@contextmanager
def heard() -> Iterator[Signals]:
    """Has SIGINT and SIGTERM heard, not obeyed, while it is entered; outside of the main thread it does nothing."""
    signals = Signals()
    with _handled(signals):
        yield signals


@contextmanager
def terminable() -> Iterator[None]:
    """Has SIGTERM, which schedulers send, end a run as Ctrl-C does."""

    def end(number: int, frame: FrameType | None) -> None:
        raise Interrupted(number)

    with _handled(end, signal.SIGTERM):
        yield


@contextmanager
def _handled(handler: _Handler, *numbers: signal.Signals) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # where Python takes no handlers
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers or _SIGNALS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, signal.SIG_DFL if old is None else old)
