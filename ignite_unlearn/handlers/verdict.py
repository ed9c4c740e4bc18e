"""Whether a phase forgot, as far as it was measured: a function of its bounds and of nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

HEADLINES = {
    "forgotten": "FORGOTTEN AS FAR AS TESTED",
    "not-forgotten": "NOT FORGOTTEN",
    "not-tested": "NOT TESTED",
}
BRIEFLY = (
    "The bounds held, but not for as long as shows that it lasts: what was forgotten may come back. Give the loop more "
    "epochs, or the phase a larger max_iterations."
)
QUALITY = frozenset({"drift", "fid", "kid"})  # numbers that tell how good images are, and not how much is forgotten


@dataclass(frozen=True)
class Verdict:
    """What numbers say of the claim that it was forgotten.

    Attributes:
        value: ``"forgotten"``, ``"not-forgotten"`` or ``"not-tested"``.
        reasons: sentences, those that decided first.

    Example:
        >>> print(Verdict("not-forgotten", ("Forgotten share: 0.4 was found, the bound is at most 0.02.",)))
        NOT FORGOTTEN
          - Forgotten share: 0.4 was found, the bound is at most 0.02.
    """

    value: str
    reasons: tuple[str, ...]

    @property
    def headline(self) -> str:
        """The value as a headline."""
        return HEADLINES[self.value]

    def __str__(self) -> str:
        return "\n".join([self.headline, *(f"  - {reason}" for reason in self.reasons)])


def verdict_by(bounds: Sequence[Mapping[str, Any]]) -> Verdict:
    """Returns the verdict on a phase by its bounds.

    Forgotten needs all bounds to hold, for as long as was asked for, and one of them that is not about quality and that
    the original GAN misses by more than chance, as far as that is known.

    Args:
        bounds: as :attr:`~ignite_unlearn.UnlearningPhase.bounds` has them.

    Example:
        >>> verdict_by([{"name": "left_share", "value": 0.0, "at_most": 0.01, "of_original": 1.0}]).value
        'forgotten'
        >>> verdict_by([{"name": "left_share", "value": 0.0, "at_most": 0.01, "of_original": 0.0}]).value
        'not-tested'
    """
    told = {kind: [_said(bound) for bound in bounds if _kind(bound) is kind] for kind in (False, True, None)}
    if told[False] or not all(bound.get("lasted", True) for bound in bounds):
        briefly = () if told[False] else (BRIEFLY,)
        return Verdict("not-forgotten", (*briefly, *told[False], *told[True], *told[None]))
    if told[True]:
        return Verdict("forgotten", tuple(told[True] + told[None]))
    return Verdict("not-tested", ("Nothing that was measured tells whether it was forgotten.", *told[None]))


def _kind(bound: Mapping[str, Any]) -> bool | None:
    if not _holds(bound, bound["value"]):
        return False
    return None if bound["name"] in QUALITY or _shows_nothing(bound) else True


def _shows_nothing(bound: Mapping[str, Any]) -> bool:
    before, chance = bound.get("of_original"), bound.get("of_chance")
    return before is not None and (_holds(bound, before) or (chance is not None and before <= chance))


def _holds(bound: Mapping[str, Any], value: float) -> bool:
    at_most, at_least = bound.get("at_most"), bound.get("at_least")
    inside = (at_most is None or value <= at_most) and (at_least is None or value >= at_least)
    return math.isfinite(value) and inside


def _said(bound: Mapping[str, Any]) -> str:
    asked = " and ".join(
        f"{words.replace('_', ' ')} {bound[words]:.3g}"
        for words in ("at_most", "at_least")
        if bound.get(words) is not None
    )
    before = bound.get("of_original")
    name = str(bound["name"]).replace("_", " ")
    original = "" if before is None else f", the original GAN has {before:.3g}"
    said = f"{name[:1].upper()}{name[1:]}: {bound['value']:.3g} was found, the bound is {asked}{original}"
    if bound["name"] in QUALITY or not _shows_nothing(bound):
        return f"{said}."
    within = before is not None and _holds(bound, before)
    held = _holds(bound, bound["value"])
    if within:
        return f"{said}, which is within it{' too: this shows nothing' if held else ': the phase led it out'}."
    chance = f"{said}, which could lie there by chance (up to {bound['of_chance']:.3g})"
    return f"{chance}: this shows nothing." if held else f"{chance}."
