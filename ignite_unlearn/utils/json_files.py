"""JSON that anybody may have written: read within bounds, and compared with the form that is expected of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from ignite_unlearn.utils.opened import read_bytes

Form: TypeAlias = Any
_LARGEST = 2**27  # bytes of a file
_DEEPEST = 32  # of lists and objects in each other
_WHOLE = 2**63  # whole numbers lie below it
_WORDS: Mapping[Any, str] = {
    dict: "an object", list: "a list", str: "a text", int: "a whole number", float: "a number", bool: "true or false",
    None: "null", type(None): "null",
}  # fmt: skip


class ListOf(NamedTuple):
    """The form of a list whose values all have one form."""

    each: Form


class ByName(NamedTuple):
    """The form of an object whose values, whatever their names, all have one form; ``known`` ones have their own."""

    each: Form
    known: Mapping[str, Form] = {}


def read_json(path: Path) -> Any:
    """Returns what a JSON file holds; numbers are finite, and texts can be written again.

    Raises:
        OSError: if it is no file, cannot be read, or is larger than 128 MiB.
        ValueError: if it is no JSON, or is nested deeper than 32 lists and objects.
    """
    try:
        text = read_bytes(path, at_most=_LARGEST).decode("utf-8")
        content = json.loads(text, parse_int=_whole, parse_float=_number, parse_constant=_number)
        deepest = max(_depths(content))
    except RecursionError:
        deepest = _DEEPEST + 1
    if deepest > _DEEPEST:
        raise ValueError(f"it is nested deeper than {_DEEPEST} lists and objects")
    return content


def misfit(content: Any, form: Form, where: str = "it") -> str | None:
    """Returns in which place content is not of a form, in words; None where it is.

    Args:
        content: what a JSON file holds.
        form: a type; None; ``Any``; a tuple of forms, of which one must fit; a :class:`ListOf`; a :class:`ByName`; or
            forms by names, of which those that end in ``?`` may be missing, or null. Other names may be there.
        where: what the content is called.

    Example:
        >>> form = {"seed": int, "name?": str, "all": ListOf((float, None))}
        >>> misfit({"seed": 1, "all": [1, None]}, form)
        >>> misfit({"seed": 1, "all": ["1"]}, form)
        'it.all[0] is a text: expected a number or null'
    """
    if form is Any:
        return None
    if isinstance(form, tuple) and not isinstance(form, (ListOf, ByName)):
        return _misfit_of_all(content, form, where)
    if isinstance(form, ListOf):
        return _wrong(content, list, where) or _first(
            misfit(value, form.each, f"{where}[{i}]") for i, value in enumerate(content)
        )
    if isinstance(form, ByName):
        return _wrong(content, dict, where) or _first(
            misfit(value, form.known.get(name, form.each), f"{where}.{name}") for name, value in content.items()
        )
    if isinstance(form, Mapping):
        return _wrong(content, dict, where) or _first(_named(content, form, where))
    return _wrong(content, form, where)


def _named(content: Mapping[str, Any], form: Mapping[str, Form], where: str) -> Iterator[str | None]:
    for name, inner in form.items():
        key, may_lack = name.removesuffix("?"), name.endswith("?")
        if content.get(key) is None and may_lack:
            continue
        yield misfit(content[key], inner, f"{where}.{key}") if key in content else f"{where} lacks {key}"


def _misfit_of_all(content: Any, forms: tuple[Form, ...], where: str) -> str | None:
    found = [misfit(content, form, where) for form in forms]
    if None in found:
        return None
    # What is wrong inside of the one that it is meant to be says more than that it is none.
    inner = [said for said in found if said is not None and not said.startswith(f"{where} is ")]
    return inner[0] if inner else f"{where} is {_word(content)}: expected {' or '.join(map(_expected, forms))}"


def _wrong(content: Any, kind: Any, where: str) -> str | None:
    kinds = (int, float) if kind is float else type(None) if kind is None else kind
    fits = isinstance(content, kinds) and (kind is bool or not isinstance(content, bool))
    return None if fits else f"{where} is {_word(content)}: expected {_expected(kind)}"


def _word(content: Any) -> str:
    return _WORDS[type(content)]


def _expected(form: Form) -> str:
    kind = list if isinstance(form, ListOf) else dict if isinstance(form, (ByName, Mapping)) else form
    return _WORDS[kind]


def _first(found: Iterator[str | None]) -> str | None:
    return next((said for said in found if said is not None), None)


def _whole(text: str) -> int:
    number = int(text) if len(text) < 20 else _WHOLE
    if abs(number) >= _WHOLE:
        raise ValueError(f"it holds the number {text[:20]}..., which is too large")
    return number


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"it holds {text[:20]}, which is no finite number")
    return number


def _depths(content: Any) -> Iterator[int]:
    """Yields how deep each value lies.

    Raises:
        ValueError: if a text holds half a sign.
    """
    waiting = [(content, 0)]
    while waiting:
        value, depth = waiting.pop()
        yield depth
        if isinstance(value, dict):
            waiting += [(inner, depth + 1) for inner in value.values()]
            waiting += [(name, depth + 1) for name in value]
        elif isinstance(value, list):
            waiting += [(inner, depth + 1) for inner in value]
        elif isinstance(value, str):
            value.encode()
