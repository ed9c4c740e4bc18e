"""What somebody may have meant by a name that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_AT_MOST = 2  # names that are offered for one


def advice(name: str, known: Iterable[str], *, otherwise: str | None = None) -> str:
    """Returns the end of a sentence on a name that is not known: what it may have meant, or else all that is known.

    Args:
        name: what was given.
        known: all names that would fit.
        otherwise: what is said where none is like it; None: all of them.

    Example:
        >>> advice("phse", ["phase", "own"]), advice("x", ["phase", "own"])
        ('did you mean phase?', 'choose of phase, own.')
    """
    names = {each.lower(): each for each in known}
    near = get_close_matches(name.lower(), names, n=_AT_MOST)
    if near:
        return f"did you mean {' or '.join(names[each] for each in near)}?"
    return otherwise or f"choose of {', '.join(names.values())}."
