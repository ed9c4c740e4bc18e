"""What is passed in is known by its attributes: nothing of NVIDIA's is imported."""

from __future__ import annotations

from typing import Any

from ignite_unlearn import UnlearningError


def require_attributes(what: str, thing: Any, *names: str) -> None:
    """Says which of the attributes ``names`` a thing lacks.

    Raises:
        UnlearningError: if it lacks any.
    """
    missing = [name for name in names if not hasattr(thing, name)]
    if missing:
        raise UnlearningError(
            f"The {what}, a {type(thing).__name__}, has no {' and no '.join(missing)}: expected one of NVIDIA's "
            "stylegan2-ada-pytorch or stylegan3, or of the same attributes."
        )
