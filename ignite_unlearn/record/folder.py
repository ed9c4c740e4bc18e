"""A folder with an erasure record: written whole, and verified by hashing its files again."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from ignite_unlearn.files import write_json, write_whole
from ignite_unlearn.record.content import Record, read_json
from ignite_unlearn.record.page import page

HASHED = ("original.pt", "unlearned.pt", "retrained.pt", "samples.png")


def write_record(folder: Path, record: Record, picture: Image.Image | None = None) -> None:
    """Writes ``record.json`` and ``record.html`` into a folder; the weights and pictures beside them are hashed.

    Args:
        folder: where to.
        record: what it says.
        picture: shown in the HTML; it must not show what was forgotten.

    Raises:
        UnlearningError: if a file cannot be written.
    """
    files = {name: file_sha256(folder / name) for name in HASHED if (folder / name).is_file()}
    # The page holds record.json, and record.json the hash of the page without it: neither is changed unseen.
    bare = page(record, "", picture)
    content = {**record.as_dict(), "files": files, "page_sha256": hashlib.sha256(bare.encode()).hexdigest()}
    text = page(record, json.dumps(content, indent=2), picture)
    write_json(folder / "record.json", content)
    write_whole(folder / "record.html", lambda part: part.write_text(text, encoding="utf-8"))


def verify(folder: Path) -> list[tuple[str, str]]:
    """Compares the files of a folder with what its record says of them.

    Returns:
        Names of files, each with what was found, ``"as recorded"``, ``"missing"`` or ``"changed"``; or that the page
        and ``record.json``, which hold each other, do not agree.

    Raises:
        UnlearningError: if there is no record.
    """
    content = read_json(folder)
    found = []
    for name, recorded in content.get("files", {}).items():
        path = folder / Path(name).name
        same = path.is_file() and file_sha256(path) == recorded
        found.append((name, "as recorded" if same else "changed" if path.is_file() else "missing"))
    return [*found, ("record.html", _page_found(folder / "record.html", content))]


def _page_found(path: Path, content: Mapping[str, Any]) -> str:
    if not path.is_file():
        return "missing"
    text, says = path.read_text(encoding="utf-8"), html.escape(json.dumps(content, indent=2))
    if says not in text:
        return "does not agree with record.json: one of them was changed"
    bare = hashlib.sha256(text.replace(says, "", 1).encode()).hexdigest()
    return "as recorded" if bare == content.get("page_sha256", bare) else "changed"


def file_sha256(path: Path) -> str:
    """Returns the SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()
