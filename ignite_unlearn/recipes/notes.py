"""The note ``stages.json`` in a run folder: how each of its GANs was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ignite_unlearn.files import write_json

_NAME = "stages.json"


def read_notes(folder: Path) -> dict[str, Any]:
    """Returns the notes of a run folder by the GANs' names; none where there are none, or they cannot be read."""
    try:
        notes = json.loads((folder / _NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}


def add_note(folder: Path, name: str, note: Mapping[str, Any]) -> None:
    """Writes down how a GAN of a run folder was made."""
    write_json(folder / _NAME, {**read_notes(folder), name: dict(note)})


def kept_original(folder: Path, fingerprint: Mapping[str, Any]) -> Path | None:
    """Returns the folder beside ``folder`` that holds an original GAN made in the same way, if there is one."""
    if (folder / "original.pt").exists() or not folder.parent.is_dir():
        return None
    for other in sorted(folder.parent.iterdir()):
        note = read_notes(other).get("original")
        if isinstance(note, dict) and note.get("fingerprint") == fingerprint and (other / "original.pt").exists():
            return other
    return None
