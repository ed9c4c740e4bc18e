"""The note ``stages.json`` in a run folder: how each of its files of weights was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ignite_unlearn.utils.files import write_json

_NAME = "stages.json"


def read_notes(folder: Path) -> dict[str, Any]:
    """Returns the notes of a run folder by the files' names; none where there are none, or they cannot be read."""
    try:
        notes = json.loads((folder / _NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}


def read_note(folder: Path, name: str) -> dict[str, Any] | None:
    """Returns the note of the file ``name.pt``; None where there is none."""
    note = read_notes(folder).get(name)
    return note if isinstance(note, dict) else None


def add_note(folder: Path, name: str, note: Mapping[str, Any]) -> None:
    """Writes down how a file of weights in a run folder was made."""
    write_json(folder / _NAME, {**read_notes(folder), name: dict(note)})
