"""How long items are left to the loop: a few unlearning steps, then a pause that grows while they stay away."""

from __future__ import annotations

from collections.abc import Mapping

_LONGEST = 256  # learning steps of a pause, for each that was asked for between two unlearning steps
_BURST = 4  # unlearning steps before a pause
_SHORT = 16  # learning steps, likewise: a pause of fewer has one unlearning step before it


class Rhythm:
    """Says how many learning steps follow each unlearning step, and when to measure.

    What a GAN knew of single images comes back while it learns on others. What comes back in a long pause is unlearned
    where a short one would not have shown it. So a pause is twice as long where what was measured at the end of the
    last one had settled, else half as long. A long one wants more than one unlearning step before it.

    Args:
        least: learning steps from one unlearning step to the next, as the phase was asked for.

    Attributes:
        pause: learning steps of the pause that comes next.

    Example:
        >>> rhythm = Rhythm(1)
        >>> [rhythm.judged(settled=True) for _ in range(3)], rhythm.pause
        ([2, 4, 8], 8)
        >>> rhythm.judged(settled=True), rhythm.in_burst(), rhythm.in_burst(), rhythm.in_burst(), rhythm.in_burst()
        (1, 1, 1, 16, None)
    """

    def __init__(self, least: int):
        self._least = self.pause = least
        self._left = 0  # unlearning steps that come before the pause

    def in_burst(self) -> int | None:
        """Returns the learning steps that follow the next unlearning step; None: a pause has ended, so measure."""
        if self._left == 0:
            return None
        self._left -= 1
        return self._least if self._left else self.pause

    def judged(self, *, settled: bool) -> int:
        """Takes what was measured at the end of a pause; returns the learning steps after the next unlearning step."""
        longer, shorter = min(2 * self.pause, _LONGEST * self._least), max(self.pause // 2, self._least)
        self.pause = longer if settled else shorter
        self._left = _BURST - 1 if self.pause >= _SHORT * self._least else 0
        return self._least if self._left else self.pause

    def state_dict(self) -> dict[str, int]:
        """Returns where it is."""
        return {"pause": self.pause, "left": self._left}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Loads what :meth:`state_dict` returned."""
        self.pause, self._left = int(state["pause"]), int(state["left"])
