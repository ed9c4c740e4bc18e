"""One removable handle for everything that a handler puts on a trainer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from ignite.engine import Engine, EventEnum, State

from ignite_unlearn.errors import UnlearningError

# Ignite keeps the table of counted events on the class State, for all engines of the process: who still uses them.
_users: Counter[EventEnum] = Counter()


class PhaseHandle:
    """Everything that was put on a trainer, to be taken off again by ``remove()`` or by leaving a ``with`` block.

    Args:
        trainer: the engine.
        handlers: which handler is put on which event.
        events: custom events to register first, and the attributes of ``trainer.state`` that count them, or None.
        metrics_prefix: entries of ``trainer.state.metrics`` with this prefix are taken off too.

    Example:
        >>> from ignite.engine import Engine, Events
        >>> trainer = Engine(lambda engine, batch: None)
        >>> with PhaseHandle(trainer, {Events.STARTED: lambda engine: print("started")}):
        ...     _ = trainer.run([0])
        started
        >>> _ = trainer.run([0], max_epochs=2)
    """

    def __init__(
        self,
        trainer: Engine,
        handlers: Mapping[Any, Callable[[Engine], None]],
        *,
        events: Mapping[EventEnum, str | None] | None = None,
        metrics_prefix: str | None = None,
    ):
        self._trainer = trainer
        # Registering twice would list the event twice.
        self._events = {e: a for e, a in (events or {}).items() if e not in trainer._allowed_events}
        self._metrics_prefix = metrics_prefix
        counted = {event: attribute for event, attribute in self._events.items() if attribute is not None}
        _users.update(counted.keys())
        if self._events:
            trainer.register_events(*self._events, event_to_attr=counted)
        try:
            self._handles = [trainer.add_event_handler(event, handler) for event, handler in handlers.items()]
        except ValueError as error:
            raise UnlearningError(
                "The trainer does not know the phase's events: attach CascadedUnlearning to it first."
            ) from error

    def remove(self) -> None:
        """Takes everything off the trainer; safe to call twice."""
        state = self._trainer.state
        for handle in self._handles:
            handle.remove()
        for event, attribute in self._events.items():
            # Ignite has no way to unregister an event, so its own two tables are put back by hand.
            if event in self._trainer._allowed_events:
                self._trainer._allowed_events.remove(event)
            self._trainer._event_handlers.pop(event, None)
            if attribute is not None:
                vars(state).pop(attribute, None)
                _users[event] -= 1
                if _users[event] == 0:
                    State.event_to_attr.pop(event, None)
        if self._metrics_prefix is not None:
            for name in [name for name in state.metrics if name.startswith(self._metrics_prefix)]:
                del state.metrics[name]
        self._handles, self._events = [], {}

    def __enter__(self) -> PhaseHandle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()
