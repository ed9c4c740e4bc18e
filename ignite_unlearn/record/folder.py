"""A folder with an erasure record: written whole, never over another, and verified by hashing its files again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.record.form import misfit_of_record
from ignite_unlearn.record.page import embedded, page
from ignite_unlearn.record.record import Record, read_json
from ignite_unlearn.utils.files import write_json, write_whole
from ignite_unlearn.utils.json_files import misfit
from ignite_unlearn.utils.json_files import read_json as json_of

HASHED = (
    "original.pt", "unlearned.pt", "unlearned.safetensors", "retrained.pt", "judges.pt", "samples.png", "ledger.json",
)  # fmt: skip
_PENDING = ".record.pending"  # both files of a record while they are being written


def write_record(folder: Path, record: Record, picture: Image.Image | None = None) -> Record:
    """Writes ``record.json`` and ``record.html`` into a folder, and returns the record as it was written.

    Files beside them are hashed where the record does not hold their hashes yet: a record that was read keeps those of
    the run. The record of an earlier run that lies there is kept under the name that :func:`kept_aside` tells.

    Args:
        folder: where to.
        record: what it says.
        picture: shown in the HTML; it must not show what was forgotten.

    Raises:
        UnlearningError: if a file cannot be written.
    """
    there = {name: file_sha256(folder / name) for name in HASHED if (folder / name).is_file()}
    record = record if record.files else replace(record, files=there)
    # The page holds record.json, and record.json the hash of the page without it: neither is changed unseen.
    bare = page(record, "", picture)
    content = {**record.as_dict(), "page_sha256": hashlib.sha256(bare.encode()).hexdigest()}
    text = page(record, json.dumps(content, indent=2), picture)
    finish_record(folder)
    write_json(folder / _PENDING, {"record": content, "page": text})
    _put_in_place(folder, content, text)
    return record


def finish_record(folder: Path) -> None:
    """Writes the two files of a record that was complete when a kill or a full disk came between them.

    Raises:
        UnlearningError: if a file cannot be written.
    """
    pending = folder / _PENDING
    try:
        content = json_of(pending)
    except FileNotFoundError:
        return
    except (OSError, ValueError):  # nobody's but ours, and that is whole
        content = None
    if isinstance(content, dict) and misfit(content, {"record": Any, "page": str}) is None:
        record, text = content["record"], content["page"]
        if misfit_of_record(record) is None:
            _put_in_place(folder, record, text)
    pending.unlink(missing_ok=True)


def _put_in_place(folder: Path, record: Mapping[str, Any], text: str) -> None:
    _keep_aside(folder, record.get("created"))
    write_json(folder / "record.json", record)
    write_whole(folder / "record.html", lambda part: part.write_text(text, encoding="utf-8"))
    (folder / _PENDING).unlink(missing_ok=True)


def kept_aside(folder: Path) -> Path | None:
    """Returns where the record that lies in a folder is kept when another run writes one there; None: there is none."""
    if not (folder / "record.json").is_file():
        return None
    try:
        created = str(read_json(folder).get("created") or "earlier")
    except UnlearningError:
        created = "unreadable"
    stem = "record-" + "".join(sign for sign in created.split("+")[0] if sign.isalnum())
    names = [stem, *(f"{stem}-{i}" for i in range(2, 1000))]
    return next(folder / f"{name}.json" for name in names if not (folder / f"{name}.json").exists())


def _keep_aside(folder: Path, created: Any) -> None:
    kept = kept_aside(folder)
    if kept is None or _created(folder) == created:  # audited again: the same run
        return
    if (folder / "record.html").is_file():
        (folder / "record.html").replace(kept.with_suffix(".html"))
    (folder / "record.json").replace(kept)  # last: while it is there, it is known that they are to be kept


def _created(folder: Path) -> Any:
    try:
        return read_json(folder).get("created")
    except UnlearningError:
        return None


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
    for name, recorded in (content.get("files") or {}).items():
        path = folder / Path(name).name
        same = path.is_file() and file_sha256(path) == recorded
        found.append((name, "as recorded" if same else "changed" if path.is_file() else "missing"))
    return [*found, ("record.html", _page_found(folder / "record.html", content))]


def refuse_changed(folder: Path) -> None:
    """Refuses a folder in which a file is not what its record was made of.

    Raises:
        UnlearningError: if a file was changed, or the record or its page was; files that are missing are none.
    """
    changed = [name for name, found in verify(folder) if found not in ("as recorded", "missing")]
    if changed:
        raise UnlearningError(
            f"{folder / changed[0]} is not what was there when the run ended (its SHA-256 is another): put the "
            "recorded file back, or run again into another folder."
        )


def _page_found(path: Path, content: Mapping[str, Any]) -> str:
    if not path.is_file():
        return "missing"
    text, says = path.read_bytes(), embedded(json.dumps(content, indent=2)).encode()
    if says not in text:
        return "does not agree with record.json: one of them was changed"
    bare = hashlib.sha256(text.replace(says, b"", 1)).hexdigest()
    return "as recorded" if bare == content.get("page_sha256", bare) else "changed"


def file_sha256(path: Path) -> str:
    """Returns the SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()
