"""The numbers of a phase over its iterations, kept for a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ignite.engine import Engine

from ignite_unlearn.handlers.events import UnlearningEvents
from ignite_unlearn.handlers.handle import PhaseHandle
from ignite_unlearn.handlers.phase import PREFIX


class Curves:
    """Keeps every number ``state.metrics["unlearning/..."]`` after each unlearning step.

    Attach it after everything that adds such numbers, such as ``StopWhenForgotten``.

    Example:
        >>> from ignite.engine import Engine
        >>> trainer = Engine(lambda engine, batch: None)
        >>> trainer.register_events(*UnlearningEvents)
        >>> curves = Curves()
        >>> with curves.attach(trainer):
        ...     for i in (1, 2):
        ...         trainer.state.metrics["unlearning/loss"] = 1.0 / i
        ...         trainer.fire_event(UnlearningEvents.UNLEARNING_STEP_COMPLETED)
        >>> curves.as_dict()
        {'loss': {'iteration': [1, 2], 'value': [1.0, 0.5]}}
    """

    def __init__(self) -> None:
        self._steps = 0
        self._points: dict[str, list[tuple[int, float]]] = {}

    def attach(self, trainer: Engine) -> PhaseHandle:
        """Attaches to a trainer that the phase is attached to; returns a removable handle."""
        return PhaseHandle(self, trainer, {UnlearningEvents.UNLEARNING_STEP_COMPLETED: self.keep})

    def as_dict(self) -> dict[str, dict[str, list[float]]]:
        """Returns iterations and values by name; numbers that never changed are left out."""
        return {
            name: {"iteration": [i for i, _ in points], "value": [value for _, value in points]}
            for name, points in self._points.items()
            if len({value for _, value in points}) > 1
        }

    def state_dict(self) -> dict[str, Any]:
        """Returns the numbers so far."""
        return {"steps": self._steps, "points": {name: list(map(list, found)) for name, found in self._points.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads what :meth:`state_dict` returned."""
        self._steps = int(state["steps"])
        self._points = {name: [(i, value) for i, value in found] for name, found in state["points"].items()}

    def keep(self, engine: Engine) -> None:
        """Keeps the numbers of a step."""
        metrics = engine.state.metrics
        self.add({name.removeprefix(PREFIX): value for name, value in metrics.items() if name.startswith(PREFIX)})

    def add(self, numbers: Mapping[str, Any]) -> None:
        """Keeps the numbers of a step by name; those that are no floats, and the number of the step, are left out."""
        self._steps += 1
        for name, value in numbers.items():
            if name != "iterations" and isinstance(value, float):
                self._points.setdefault(name, []).append((self._steps, value))
