"""The numbers of a phase, and where a trainer shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ignite.engine import Engine


class Shown:
    """Keeps the last value of every number, and puts it into ``state.metrics`` where that is wanted.

    Args:
        prefix: what the numbers are called there, before their names; None: they are not put there.

    Example:
        >>> engine = Engine(lambda engine, batch: None)
        >>> shown = Shown("unlearning/")
        >>> shown.show(engine, {"loss": 0.5})
        >>> engine.state.metrics, shown.all(engine)
        ({'unlearning/loss': 0.5}, {'loss': 0.5})
    """

    def __init__(self, prefix: str | None):
        self.prefix = prefix
        self._last: dict[str, float] = {}

    def show(self, engine: Engine, numbers: Mapping[str, float]) -> None:
        """Shows numbers."""
        self._last.update(numbers)
        if self.prefix is not None:
            engine.state.metrics.update({self.prefix + name: value for name, value in numbers.items()})

    def all(self, engine: Engine) -> dict[str, Any]:
        """Returns all numbers by name, those included that others put under the prefix."""
        theirs = {} if self.prefix is None else engine.state.metrics
        prefix = self.prefix or ""
        return {
            **self._last,
            **{name.removeprefix(prefix): value for name, value in theirs.items() if name.startswith(prefix)},
        }
