"""A recipe's settings: fields of its parts that ``--set`` can change, flat for ``--set``, records and fingerprints."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from typing import Any, TypeVar, get_args, get_origin

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.utils.choices import advice
from ignite_unlearn.utils.printable import printable

_PartT = TypeVar("_PartT")
_SHOWN = 100  # signs of a value in a sentence
_KEY = "setting"  # in a field's metadata
_WORDS: Mapping[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    tuple[int, ...]: "whole numbers separated by commas",
    tuple[str, ...]: "names separated by commas",
}
# Annotations are texts where a file begins with `from __future__ import annotations`.
_KINDS: Mapping[Any, Any] = {str(kind) if get_args(kind) else kind.__name__: kind for kind in _WORDS}


@dataclass(frozen=True)
class Bounds:
    """What is known of a setting, apart from its type and its default.

    Attributes:
        text: what it means, as ``show`` says it.
        at_least: the smallest number that fits.
        above: numbers that fit are larger.
        at_most: the largest number that fits.
        choices: the names that fit; none: all do.
        before: what a training did that knew no such setting yet; None: it cannot be known.
        speed: whether it changes nothing but how fast the same numbers are had, up to rounding.
    """

    text: str
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    choices: Collection[str] = ()
    before: Any = None
    speed: bool = False

    def fit(self, value: float) -> bool:
        """Whether a number is finite and within the bounds."""
        return (
            math.isfinite(value)
            and (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
        )

    def __str__(self) -> str:
        named = ((self.at_least, "at least"), (self.above, "more than"), (self.at_most, "at most"))
        return " and ".join(f"{words} {bound:g}" for bound, words in named if bound is not None)


def setting(
    default: Any = MISSING,
    text: str = "",
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    choices: Collection[str] = (),
    before: Any = None,
    speed: bool = False,
) -> Any:
    """Returns a dataclass field that ``--set`` can change; its annotation is the type of its values.

    Args:
        default: of the field; none: it must be given.
        text: what it means, as ``show`` says it.
        at_least: the smallest number that fits.
        above: numbers that fit are larger.
        at_most: the largest number that fits.
        choices: the names that fit; none: all do.
        before: what a training did that knew no such setting yet; None: it cannot be known.
        speed: whether it changes nothing but how fast the same numbers are had, up to rounding.

    Example:
        >>> @dataclass(frozen=True)
        ... class Training:
        ...     iterations: int = setting(3500, "learning steps", at_least=1)
        >>> changed(Training(), {"iterations": "20"})
        Training(iterations=20)
        >>> describe(Training())
        {'iterations=3500': 'learning steps; at least 1'}
    """
    known = Bounds(text, at_least, above, at_most, tuple(choices), before, speed)
    return field(default=default, metadata={_KEY: known})


def same_setting(part: type, key: str, default: Any) -> Any:
    """Returns a field like one of another part, with another default.

    Example:
        >>> @dataclass(frozen=True)
        ... class Short:
        ...     steps: int = setting(10, "learning steps", at_least=1)
        >>> @dataclass(frozen=True)
        ... class Long(Short):
        ...     steps: int = same_setting(Short, "steps", 1000)
        >>> describe(Long())
        {'steps=1000': 'learning steps; at least 1'}
    """
    (found,) = (f for f in fields(part) if f.name == key)
    return field(default=default, metadata=found.metadata)


@dataclass(frozen=True)
class Setting:
    """A setting of a part, with the value that it has there.

    Attributes:
        key: its name.
        kind: the type of its values: int, float, bool, str, or a tuple of int or str.
        value: that it has.
        bounds: what else is known of it.
    """

    key: str
    kind: Any
    value: Any
    bounds: Bounds

    def read(self, text: str) -> Any:
        """Returns the value that a text stands for.

        Raises:
            UnlearningError: if it stands for none, or for one that does not fit.
        """
        try:
            value = _READERS[self.kind](text)
        except (ValueError, KeyError):
            raise UnlearningError(
                f"--set {self.key}={_told(text)} does not fit: expected {_WORDS[self.kind]}, such as "
                f"{shown(self.value)}."
            ) from None
        self.check(value)
        return value

    def check(self, value: Any) -> None:
        """Checks a value.

        Raises:
            UnlearningError: if it does not fit.
        """
        if self.bounds.choices and value not in self.bounds.choices:
            raise UnlearningError(
                f"--set {self.key}={_told(value)} is not known: {advice(str(value), self.bounds.choices)}"
            )
        wrong = None
        if isinstance(value, tuple):
            twice = [part for i, part in enumerate(value) if part in value[:i]]
            wrong = f"{_told(twice[0])} is named twice" if twice else None
        elif self.kind in (int, float) and not self.bounds.fit(value):
            wrong = f"expected {str(self.bounds) or 'a finite number'}"
        if wrong:
            raise UnlearningError(f"--set {self.key}={_told(value)} does not fit: {wrong}.")

    def check_default(self) -> None:
        """Checks the type of the value that the part gives, and the value.

        Raises:
            UnlearningError: if it is of another type than the annotation says, or does not fit.
        """
        expected = _WORDS.get(self.kind)
        if expected is None:
            raise UnlearningError(
                f"The setting {self.key} is of a type that --set cannot read: annotate it as int, float, bool, str, "
                "tuple[int, ...] or tuple[str, ...]."
            )
        whole = type(self.value) is int
        if type(self.value) is not (get_origin(self.kind) or self.kind) and not (self.kind is float and whole):
            raise UnlearningError(f"The setting {self.key} has the default {self.value!r}: expected {expected}.")
        self.check(self.value)

    def describe(self) -> str:
        """Returns what the setting means and what fits, in a line."""
        fits = f"one of {', '.join(self.bounds.choices)}" if self.bounds.choices else str(self.bounds)
        return "; ".join(part for part in (self.bounds.text, fits) if part)

    def as_text(self, value: Any) -> str:
        """Returns a value as ``--set`` takes it; numbers where names are expected as ``#2``."""
        if self.kind == tuple[str, ...] and isinstance(value, (tuple, list)):
            return ",".join(f"#{part}" if isinstance(part, int) else str(part) for part in value)
        return shown(value)


def settings_of(part: Any) -> Iterator[Setting]:
    """Yields the settings of a dataclass, and those of its fields that are dataclasses, in their order.

    Raises:
        UnlearningError: if two have the same name.
    """
    seen: set[str] = set()
    for one in _settings_of(part):
        if one.key in seen:
            raise UnlearningError(f"Two parts have a setting that is called {one.key}: rename one of them.")
        seen.add(one.key)
        yield one


def flat(part: Any) -> dict[str, Any]:
    """Returns the values of all settings by their names."""
    return {one.key: one.value for one in settings_of(part)}


def changed(part: _PartT, texts: Mapping[str, str]) -> _PartT:
    """Returns a copy with some settings read from text; those that it does not have are left out.

    Raises:
        UnlearningError: if a text stands for no value, or for one that does not fit.
    """
    own = {one.key: one for one in _own(part)}
    new: dict[str, Any] = {key: one.read(texts[key]) for key, one in own.items() if key in texts}
    inner = {name: changed(value, texts) for name, value in _parts(part)}
    return replace(part, **new, **inner)  # type: ignore[type-var]


def describe(part: Any) -> dict[str, str]:
    """Returns the settings: by each default, as ``--set`` takes it, the meaning, and what fits."""
    return {f"{one.key}={shown(one.value)}": one.describe() for one in settings_of(part)}


def spelled(part: Any) -> str:
    """Returns which kind of part it is, with what was given to it that is no setting and no default.

    Example:
        >>> from ignite_unlearn.recipes.nets.strided import StridedGAN
        >>> spelled(StridedGAN()), spelled(StridedGAN(g_width=8, refine=True))
        ('StridedGAN', 'StridedGAN(refine=True)')
    """
    if not is_dataclass(part) or isinstance(part, type):
        plain = isinstance(part, (int, float, str, bool, tuple)) or part is None
        return repr(part) if plain else str(getattr(part, "__qualname__", type(part).__qualname__))
    told = [
        f"{f.name}={spelled(value)}"
        for f in fields(part)
        if _KEY not in f.metadata and (value := getattr(part, f.name)) != f.default
    ]
    return type(part).__qualname__ + (f"({', '.join(told)})" if told else "")


def shown(value: Any) -> str:
    """Returns a value as ``--set`` takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def _told(value: Any) -> str:
    return printable(shown(value), at_most=_SHOWN)


def _settings_of(part: Any) -> Iterator[Setting]:
    own, inner = {one.key: one for one in _own(part)}, dict(_parts(part))
    for f in fields(part):
        if f.name in own:
            yield own[f.name]
        elif f.name in inner:
            yield from _settings_of(inner[f.name])


def _own(part: Any) -> Iterator[Setting]:
    for f in fields(part):
        if _KEY in f.metadata:
            yield Setting(f.name, _KINDS.get(f.type, f.type), getattr(part, f.name), f.metadata[_KEY])


def _parts(part: Any) -> Iterator[tuple[str, Any]]:
    for f in fields(part):
        value = getattr(part, f.name)
        if is_dataclass(value) and not isinstance(value, type):
            yield f.name, value


def _values(kind: type) -> Callable[[str], Any]:
    return lambda text: tuple(kind(part.strip()) for part in text.split(",") if part.strip())


_READERS: Mapping[Any, Callable[[str], Any]] = {
    int: int,
    float: float,
    str: str,
    bool: lambda text: {"true": True, "false": False}[text.strip().lower()],
    **{kind: _values(get_args(kind)[0]) for kind in (tuple[int, ...], tuple[str, ...])},
}
