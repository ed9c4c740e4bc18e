"""What functions and nets of a user's answer, and what is said where they cannot be called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.utils.asked import Asked, shown, suits
from ignite_unlearn.utils.memory import out_of_memory

# What a function that is called in another way than it wants to be ends in.
CALL_ERRORS = (RuntimeError, TypeError, ValueError, LookupError, AttributeError, AssertionError)


def answer(whose: str, expected: Asked, call: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Returns what a function of a user's answers.

    Args:
        whose: what it is called in a message, such as ``"features"``.
        expected: what it should return.
        call: the function.
        given: what it is called with, in order.
        named: what it is called with, by name.

    Raises:
        UnlearningError: if it cannot be called so, or returns something else.

    Example:
        >>> answer("features", rows_of(2), lambda images: images.flatten(1), torch.zeros(2, 1, 3)).shape
        torch.Size([2, 3])
        >>> answer("features", rows_of(2), lambda images: None, torch.zeros(2, 1, 3))
        Traceback (most recent call last):
        ...
        ignite_unlearn.errors.UnlearningError: features(...) returned None: expected a tensor of 2 rows.
    """
    try:
        made = call(*given, **named)
    except CALL_ERRORS as error:
        if speaks_for_itself(error):
            raise
        told = ", ".join(map(shown, given))
        if _refused(error):
            raise UnlearningError(f"{whose} cannot be called with ({told}): {first_line(error)}") from error
        said = f"{type(error).__name__}: {first_line(error)}"
        raise UnlearningError(f"{whose}, called with ({told}), ended in {said}") from error
    if not suits(expected, made):
        raise UnlearningError(f"{whose}(...) returned {shown(made)}: expected {expected.words}.")
    return made


def rows_of(n: int, dtype: torch.dtype | None = None) -> Asked:
    """Asks for a tensor of so many rows, one an image; of a dtype where that matters."""
    words = f"a tensor of {n} rows" if dtype is None else f"a tensor of {n} rows of {dtype}"

    def fits(made: Any) -> bool:
        return isinstance(made, Tensor) and made.dim() > 0 and len(made) == n and dtype in (None, made.dtype)

    return Asked(words, fits)


def scores_of(n: int) -> Asked:
    """Asks for class scores ``(n, C)``."""
    return Asked(
        f"a tensor of class scores ({n}, C)",
        lambda made: isinstance(made, Tensor) and made.dim() == 2 and len(made) == n and made.shape[1] > 0,
    )


def indexable(n: int) -> Asked:
    """Asks for so many latents, of whatever form rows can be taken from."""
    return Asked(f"{n} latents", lambda made: hasattr(made, "__getitem__"))


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's message, ended with a full stop."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".") + "."


def _refused(error: BaseException) -> bool:
    """Returns whether Python refused a call, such as for its arguments' number: no frame follows the caller's then."""
    return error.__traceback__ is not None and error.__traceback__.tb_next is None


def speaks_for_itself(error: BaseException) -> bool:
    """Returns whether an error says nothing of how something was called: ours, and a lack of memory."""
    return isinstance(error, UnlearningError) or out_of_memory(error)
