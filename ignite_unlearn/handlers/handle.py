"""One removable handle for everything that a handler puts on a trainer."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from ignite.engine import Engine, EventEnum, RemovableEventHandle, State

from ignite_unlearn.errors import UnlearningError

# Ignite keeps the table of counted events on the class State, for all engines of the process: who still uses them.
_users: Counter[EventEnum] = Counter()
# Who is attached to which trainer. Weak, so that a trainer that is thrown away lets go of what was on it.
_attached: weakref.WeakKeyDictionary[Any, weakref.ref[Engine]] = weakref.WeakKeyDictionary()
_phases: weakref.WeakKeyDictionary[Engine, weakref.WeakSet[Any]] = weakref.WeakKeyDictionary()


class PhaseHandle:
    """Everything that was put on a trainer, to be taken off again by ``remove()`` or by leaving a ``with`` block.

    What is attached twice would do everything twice, so it is refused until the first handle is removed. A phase is
    what registers events. Leaving a ``with`` block ends the phases on the trainer before anything is taken off, so that
    what goes with a phase sees its end; where an exception leaves it, nothing is ended.

    Args:
        owner: what is attached.
        trainer: the engine.
        handlers: which handler is put on which event.
        events: custom events to register first, and the attributes of ``trainer.state`` that count them, or None.
        metrics_prefix: entries of ``trainer.state.metrics`` with this prefix are taken off too.
        of: the phase whose events are meant; those of another one on the same trainer are not heard. None: all.
        also: called at the end of ``remove()``, once.

    Attributes:
        entered: whether a ``with`` block of it was entered.

    Raises:
        UnlearningError: if the owner is attached already, or an event is unknown.

    Example:
        >>> from ignite.engine import Engine, Events
        >>> trainer = Engine(lambda engine, batch: None)
        >>> class Mine:
        ...     pass
        >>> with PhaseHandle(Mine(), trainer, {Events.STARTED: lambda engine: print("started")}):
        ...     _ = trainer.run([0])
        started
        >>> _ = trainer.run([0], max_epochs=2)
    """

    def __init__(
        self,
        owner: Any,
        trainer: Engine,
        handlers: Mapping[Any, Callable[[Engine], None]],
        *,
        events: Mapping[EventEnum, str | None] | None = None,
        metrics_prefix: str | None = None,
        of: Any = None,
        also: Callable[[], None] | None = None,
    ):
        _refuse_twice(owner, trainer)
        # Weak: a phase keeps its handle, and must not keep a trainer alive that nobody else wants.
        self._owner, self._trainer, self._also = owner, weakref.ref(trainer), also
        self.entered = False
        self._events, self._metrics_prefix = dict(events or {}), metrics_prefix
        counted = {event: attribute for event, attribute in self._events.items() if attribute is not None}
        _users.update(counted.keys())
        self._release = weakref.finalize(trainer, _release, tuple(counted))
        # Registering twice would list the event twice.
        new = [event for event in self._events if event not in trainer._allowed_events]
        if new:
            trainer.register_events(*new, event_to_attr=counted)
        self._handles: list[RemovableEventHandle] = []
        try:
            for event, handler in handlers.items():
                self._handles.append(trainer.add_event_handler(event, handler if of is None else _only(of, handler)))
        except ValueError as error:
            for handle in self._handles:
                handle.remove()
            raise UnlearningError(
                "The trainer does not know the phase's events: attach the phase to it first."
            ) from error
        _attached[owner] = weakref.ref(trainer)
        if events:
            _phases.setdefault(trainer, weakref.WeakSet()).add(owner)
        self._is_phase = bool(events)
        self._there = True

    def remove(self) -> None:
        """Takes everything off the trainer, of a phase that still runs after its end; safe to call twice."""
        trainer = self._trainer()
        if self._there and self._is_phase and trainer is not None:
            self._owner.end(trainer)
        self._remove()

    def _remove(self) -> None:
        if not self._there:
            return
        self._there = False
        _attached.pop(self._owner, None)
        trainer = self._trainer()
        if trainer is not None:
            self._take_off(trainer)
        self._release()
        self._handles, self._events = [], {}
        if self._also is not None:
            self._also()

    def _take_off(self, trainer: Engine) -> None:
        if self._is_phase:
            _phases[trainer].discard(self._owner)
        for handle in self._handles:
            handle.remove()
        for event, attribute in () if phases_on(trainer) else self._events.items():
            # Ignite has no way to unregister an event, so its own two tables are put back by hand.
            if event in trainer._allowed_events:
                trainer._allowed_events.remove(event)
            trainer._event_handlers.pop(event, None)
            if attribute is not None:
                vars(trainer.state).pop(attribute, None)
        if self._metrics_prefix is not None:
            for name in [name for name in trainer.state.metrics if name.startswith(self._metrics_prefix)]:
                del trainer.state.metrics[name]

    def __enter__(self) -> PhaseHandle:
        self.entered = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        trainer = self._trainer()
        if self._there and trainer is not None and kind is None:
            for phase in phases_on(trainer):
                phase.end(trainer)
        self._remove()


def phases_on(trainer: Engine) -> list[Any]:
    """Returns the phases that are attached to a trainer."""
    return list(_phases.get(trainer, ()))


def _only(phase: Any, handler: Callable[[Engine], None]) -> Callable[[Engine], None]:
    def heard(engine: Engine) -> None:
        if phase.firing:
            handler(engine)

    return heard


def _release(counted: tuple[EventEnum, ...]) -> None:
    for event in counted:
        _users[event] -= 1
        if _users[event] == 0:
            State.event_to_attr.pop(event, None)


def _refuse_twice(owner: Any, trainer: Engine) -> None:
    name, way_out = type(owner).__name__, "call remove() of the handle that attach() returned"
    there = _attached.get(owner)
    if there is not None and there() is not None:
        raise UnlearningError(
            f"This {name} is attached to {'this' if there() is trainer else 'another'} trainer already, and would do "
            f"everything twice: {way_out}, or make a new trainer."
        )
