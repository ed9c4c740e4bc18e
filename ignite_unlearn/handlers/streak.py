"""How long is long enough: what was near its bounds in a row, counted in measurements or in learning steps."""

from __future__ import annotations

from collections.abc import Mapping


class Streak:
    """Counts for how long numbers were near their bounds in a row.

    Args:
        ends: the count at which a phase ends.
        lasts: the count from which on it may be called forgotten, where the loop ends before that; None: ``ends``.
        unit: what is counted, in words.

    Attributes:
        count: for how long they have been near.

    Example:
        >>> streak = Streak(ends=3, lasts=2)
        >>> for near in (True, False, True, True):
        ...     streak.judged(near=near)
        >>> print(streak, streak.lasted, streak.ended)
        measurements near enough in a row: 2 (asked for 3) True False
    """

    def __init__(self, ends: int, lasts: int | None = None, unit: str = "measurements"):
        self.ends, self.lasts, self.unit = ends, ends if lasts is None else lasts, unit
        self.count = 0

    def judged(self, *, near: bool, by: int = 1) -> None:
        """Takes whether a measurement was near, and how much has gone by since the one before it."""
        self.count = self.count + by if near else 0

    @property
    def ended(self) -> bool:
        """Whether it has been long enough for an end."""
        return self.count >= self.ends

    @property
    def lasted(self) -> bool:
        """Whether it has been long enough for a verdict."""
        return self.count >= self.lasts

    @property
    def too_short(self) -> str:
        """What is said of a streak that did not last."""
        return f"for fewer than {self.lasts} {self.unit} in a row"

    def __str__(self) -> str:
        return f"{self.unit} near enough in a row: {self.count} (asked for {self.ends})"

    def state_dict(self) -> dict[str, int]:
        """Returns where it is."""
        return {"count": self.count}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Loads what :meth:`state_dict` returned."""
        self.count = int(state["count"])
