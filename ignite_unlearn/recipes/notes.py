"""The note ``stages.json`` in a run folder: how each of its files of weights was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ignite_unlearn.files import write_json
from ignite_unlearn.recipes.fingerprint import differences

_NAME = "stages.json"


def read_notes(folder: Path) -> dict[str, Any]:
    """Returns the notes of a run folder by the files' names; none where there are none, or they cannot be read."""
    try:
        notes = json.loads((folder / _NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}


def add_note(folder: Path, name: str, note: Mapping[str, Any]) -> None:
    """Writes down how a file of weights in a run folder was made."""
    write_json(folder / _NAME, {**read_notes(folder), name: dict(note)})


def kept_beside(folder: Path, name: str, fingerprint: Mapping[str, Any]) -> Path | None:
    """Returns the folder beside ``folder`` that holds a ``name``.pt made in the same way, if there is one."""
    if (folder / f"{name}.pt").exists() or not folder.parent.is_dir():
        return None
    for other in sorted(folder.parent.iterdir()):
        note = read_notes(other).get(name)
        if not isinstance(note, dict) or not isinstance(note.get("fingerprint"), dict):
            continue
        if not differences(note["fingerprint"], fingerprint) and (other / f"{name}.pt").exists():
            return other
    return None
