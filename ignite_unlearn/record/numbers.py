"""Numbers as people's functions return them: tensors, NumPy's scalars and bools are taken, all else is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def as_numbers(measured: Any) -> tuple[dict[str, float | None], list[str]]:
    """Returns plain numbers by name, and a sentence for each value that is none.

    Args:
        measured: what a function of the user's returned, ``{"fid": 12.0, ...}``; None is a number that is not known.

    Example:
        >>> import torch
        >>> numbers, problems = as_numbers({"fid": torch.tensor(2.0), "mine": [1.0]})
        >>> numbers, problems[0]
        ({'fid': 2.0}, "'mine' is [1.0], a list: expected one number, so it is left out of the record.")
    """
    if not isinstance(measured, Mapping):
        return {}, [f"measure returned a {type(measured).__name__}: expected a dict of numbers by name."]
    numbers: dict[str, float | None] = {}
    problems = []
    for name, value in measured.items():
        try:
            numbers[str(name)] = None if value is None else _number(value)
        except (TypeError, ValueError, RuntimeError):
            shown = repr(value) if len(repr(value)) < 60 else f"{repr(value)[:57]}..."
            problems.append(
                f"{str(name)!r} is {shown}, a {type(value).__name__}: expected one number, so it is left out of the "
                "record."
            )
    return numbers, problems


def _number(value: Any) -> float:
    """Returns a number; whole ones stay whole, but for bools."""
    if isinstance(value, (str, bytes)):
        raise TypeError
    if hasattr(value, "item"):  # a tensor or an array of one element, or a scalar of NumPy's
        value = value.item()
    return value if isinstance(value, int) and not isinstance(value, bool) else float(value)
