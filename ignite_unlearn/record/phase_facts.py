"""What a record holds of a phase: the bounds that it was asked to reach, and the rows that it met."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Bound:
    """A number that a phase was asked to bring within bounds.

    Attributes:
        name: the number's key, such as ``"forgotten_share"``.
        value: what it was when the phase ended; None where there was none.
        at_most: what it must not exceed; None: no such bound.
        at_least: what it must not fall below; None: no such bound.
        of_substitutes: of ``"share_above_substitutes"``, the forgotten share of the substitutes themselves.
        of_original: what it was of the original GAN, where the phase measured that.
        of_chance: up to what it may lie by chance where nothing is remembered, where the phase knows that.
        lasted: whether all bounds held for as long as was asked for; None: nobody knows.
    """

    name: str
    value: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    of_substitutes: float | None = None
    of_original: float | None = None
    of_chance: float | None = None
    lasted: bool | None = None

    def holds(self, value: float | None) -> bool:
        """Returns whether a number is within the bounds; none is not.

        Example:
            >>> Bound("fid", at_most=2.0).holds(1.0), Bound("fid", at_most=2.0).holds(None)
            (True, False)
        """
        if value is None or not math.isfinite(value):
            return False
        return (self.at_most is None or value <= self.at_most) and (self.at_least is None or value >= self.at_least)

    @property
    def asked(self) -> str:
        """What was asked for, in words.

        Example:
            >>> Bound("fid", at_most=2.0, at_least=1).asked
            'at most 2 and at least 1'
        """
        pairs = (("at most", self.at_most), ("at least", self.at_least))
        return " and ".join(f"{words} {bound:.4g}" for words, bound in pairs if bound is not None)

    def as_dict(self) -> dict[str, Any]:
        """Returns it as ``record.json`` holds it."""
        content = asdict(self)
        return {k: v for k, v in content.items() if v is not None or not k.startswith(("of_", "lasted"))}


@dataclass(frozen=True)
class RowsMet:
    """What of the request a phase's batches held; None where nobody counted.

    Attributes:
        rows: of the forget set.
        items: distinct items among them.
        of: how many items were to be forgotten.
        asked: how many labels of forgotten classes the loop gave its generator.
    """

    rows: int | None = None
    items: int | None = None
    of: int | None = None
    asked: int | None = None


def read_bound(content: Mapping[str, Any]) -> Bound:
    """Returns a bound as ``record.json`` holds it."""
    return Bound(**{field.name: content[field.name] for field in fields(Bound) if field.name in content})


def read_rows_met(content: Mapping[str, Any]) -> RowsMet:
    """Returns the rows as ``record.json`` holds them."""
    return RowsMet(**{field.name: content.get(field.name) for field in fields(RowsMet)})
