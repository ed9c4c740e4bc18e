"""What a function asks of its arguments, said in one place above it, and refused in one sentence."""

from __future__ import annotations

import inspect
import math
import operator
import os
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.utils.printable import printable

_CallT = TypeVar("_CallT", bound=Callable[..., Any])
_SHOWN = 60  # signs of a value
_LARGEST = 2.0**63  # as a number; torch takes no larger whole ones


class Asked(NamedTuple):
    """What is asked of an argument: in words that go on from "expected", and as a test."""

    words: str
    fits: Callable[[Any], bool]


def asks(**asked: Asked) -> Callable[[_CallT], _CallT]:
    """Returns a decorator that refuses arguments of other kinds than a function can do anything with.

    Args:
        asked: by the arguments' names; defaults are taken as they are.

    Example:
        >>> @asks(every=whole(at_least=1))
        ... def look(every=1):
        ...     return every
        >>> look(2)
        2
        >>> look("often")
        Traceback (most recent call last):
        ...
        ignite_unlearn.errors.UnlearningError: look(every='often') does not fit: expected a whole number, at least 1.
    """

    def decorate(call: _CallT) -> _CallT:
        if isinstance(call, type):  # a dataclass, whose __init__ nobody wrote
            call.__init__ = decorate(call.__init__)  # type: ignore[misc]
            return call
        signature = inspect.signature(call)

        @wraps(call)
        def checked(*args: Any, **kwargs: Any) -> Any:
            # Too few arguments or unknown ones: Python says it.
            try:
                given = signature.bind(*args, **kwargs).arguments
            except TypeError:
                return call(*args, **kwargs)
            for name, one in asked.items():
                if name in given and given[name] is not signature.parameters[name].default:
                    _refuse(_name(call, args), name, given[name], one)
            return call(*args, **kwargs)

        return checked  # type: ignore[return-value]

    return decorate


def whole(*, at_least: int | None = None, at_most: int | None = None) -> Asked:
    """Asks for a whole number, Python's, NumPy's or torch's."""

    def fits(value: Any) -> bool:
        return _is_whole(value) and _within(value, at_least, at_most)

    return Asked(f"a whole number{_bounds(at_least, at_most)}", fits)


def number(*, at_least: float | None = None, at_most: float | None = None) -> Asked:
    """Asks for a finite number."""

    def fits(value: Any) -> bool:
        # A whole number beyond a float's range is none that torch takes.
        return (
            isinstance(value, (int, float))
            and math.isfinite(value)
            and abs(value) < _LARGEST
            and _within(value, at_least, at_most)
        )

    return Asked(f"a finite number{_bounds(at_least, at_most)}", fits)


def several(words: str, one: Asked) -> Asked:
    """Asks for a collection of which each fits."""

    def fits(value: Any) -> bool:
        return isinstance(value, (list, tuple, set, frozenset, range)) and all(map(one.fits, value))

    return Asked(f"{words}, each {one.words}", fits)


def by_name(one: Asked) -> Asked:
    """Asks for a dict from names to what fits."""

    def fits(value: Any) -> bool:
        return isinstance(value, Mapping) and all(isinstance(k, str) and one.fits(v) for k, v in value.items())

    return Asked(f"a dict from names to {one.words}", fits)


def kind(words: str, *kinds: type) -> Asked:
    """Asks for an object of one of these kinds."""
    return Asked(words, lambda value: isinstance(value, kinds))


def able(words: str, *methods: str) -> Asked:
    """Asks for an object that can be called by these methods."""
    return Asked(words, lambda value: not isinstance(value, type) and all(map(callable, _attributes(value, methods))))


def maybe(asked: Asked) -> Asked:
    """Asks for the same, or None."""
    return Asked(f"{asked.words}, or None", lambda value: value is None or asked.fits(value))


def alike(images: Tensor, others: Tensor) -> None:
    """Refuses two sets of images that cannot be compared.

    Args:
        images: ``(N, ...)``.
        others: ``(M, ...)``.

    Raises:
        UnlearningError: if there are none of a kind, or their shapes differ.

    Example:
        >>> alike(torch.zeros(3, 1, 2, 2), torch.zeros(5, 1, 2, 2))
    """
    if not len(images) or not len(others):
        raise UnlearningError(f"There are {len(images)} and {len(others)} images to compare: expected some of either.")
    if images.shape[1:] != others.shape[1:]:
        raise UnlearningError(
            f"Images of shape {tuple(images.shape[1:])} and {tuple(others.shape[1:])} cannot be compared: expected one "
            "shape."
        )


def one_each(rows: Tensor, labels: Tensor | None) -> None:
    """Refuses labels that are not one of each row; None are none.

    Raises:
        UnlearningError: if they are more or fewer.

    Example:
        >>> one_each(torch.zeros(3, 2), torch.zeros(3))
    """
    if labels is not None and len(labels) != len(rows):
        raise UnlearningError(f"There are {len(rows)} images but {len(labels)} labels: give one an image.")


def suits(asked: Asked, value: Any) -> bool:
    """Returns whether a value is what is asked for; one that cannot be looked at is not."""
    try:
        return asked.fits(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return False


def _refuse(call: str, name: str, value: Any, asked: Asked) -> None:
    if not suits(asked, value):
        raise UnlearningError(f"{call}({name}={shown(value)}) does not fit: expected {asked.words}.")


def _name(call: Callable[..., Any], args: tuple[Any, ...]) -> str:
    if call.__name__ == "__init__":
        return type(args[0]).__name__
    return call.__name__


def shown(value: Any) -> str:
    """Returns a value in a few words that are safe to print; of a tensor its shape."""
    if isinstance(value, Tensor):
        return f"a tensor {tuple(value.shape)} of {value.dtype}"
    return printable(repr(value), at_most=_SHOWN)


def _bounds(at_least: float | None, at_most: float | None) -> str:
    words = (("at least", at_least), ("at most", at_most))
    return "".join(f", {word} {bound:,}" for word, bound in words if bound is not None)


def _within(value: Any, at_least: float | None, at_most: float | None) -> bool:
    return (at_least is None or bool(value >= at_least)) and (at_most is None or bool(value <= at_most))


def _is_whole(value: Any) -> bool:
    is_bool = isinstance(value, bool) or str(getattr(value, "dtype", "")).endswith("bool")
    try:
        return not is_bool and operator.index(value) is not None
    except TypeError:
        return False


def _is_rows(value: Any, dimensions: int) -> bool:
    """Whether a value is a dense tensor of real numbers."""
    dense = isinstance(value, Tensor) and value.layout is torch.strided and value.device.type != "meta"
    return dense and value.dim() >= dimensions and not value.is_complex()


def _is_pair(value: Any) -> bool:
    fits = isinstance(value, (tuple, list)) and len(value) == 2 and IMAGES.fits(value[0]) and LABELS.fits(value[1])
    return fits and len(value[0]) == len(value[1])


def _are_kinds(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    pairs = list(value.values())
    return all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs) and all(
        IMAGES.fits(images) and maybe(LABELS).fits(labels) for images, labels in pairs
    )


def _is_shape(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return bool(value) and all(whole(at_least=1).fits(size) for size in value)
    return CALL.fits(value)


def _attributes(value: Any, names: tuple[str, ...]) -> list[Any]:
    return [getattr(value, name, None) for name in names]


ANYTHING = Asked("anything", lambda value: True)
NUMBER = Asked("a number", lambda value: not isinstance(value, (str, bytes)) and float(value) is not None)
CALL = Asked("a function", lambda value: callable(value) and not isinstance(value, type))
MAKER = Asked("a function or a class", callable)
COUNT = whole(at_least=1, at_most=10**7)  # what costs memory or time; more is a slip
SEED = whole(at_least=0, at_most=2**63 - 1)  # torch takes no larger ones
SHARE = number(at_least=0, at_most=1)
IMAGES = Asked("images as a tensor (N, ...) of finite numbers", lambda x: _is_rows(x, 2) and bool(x.isfinite().all()))
SHAPE = Asked("a shape, such as (100, 1, 1), or a function n -> tensor", lambda value: _is_shape(value))
ROWS = Asked("a tensor (N, ...) of finite numbers", lambda x: _is_rows(x, 2) and bool(x.isfinite().all()))
LABELS = Asked("class labels as a tensor (N,)", lambda value: _is_rows(value, 1) and value.dim() <= 2)
REQUEST = able("a request, such as ForgetClasses({7})", "rows", "regions", "describe")
VALUES = Asked("numbers as a tensor (N,)", lambda value: _is_rows(value, 1))
TEXT = Asked("a text that can be written", lambda value: isinstance(value, str) and value.encode() is not None)
MEASURE = Asked(
    "a function of a GAN",
    # Of classes only those whose objects are numbers by name.
    lambda value: (
        issubclass(value, Mapping) if isinstance(value, type) else callable(value) and not isinstance(value, nn.Module)
    ),
)
PATH = Asked("a path", lambda value: isinstance(value, (str, os.PathLike)) and b"\0" not in os.fsencode(value))
BOOL = kind("true or false", bool)
CLASSES = several("classes", whole(at_least=0))
TENSORS = several("tensors", kind("a tensor", Tensor))
KINDS = Asked("a dict from kinds of images to pairs of images (N, ...) and labels (N,) or None", _are_kinds)
PAIR = Asked("a pair of images (N, ...) and their class labels (N,)", lambda value: _is_pair(value))
