"""Files that are whole or not there: written to a temporary name, then renamed; weights read without running code."""

from __future__ import annotations

import json
import os
import pickle
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from ignite_unlearn.errors import UnlearningError


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Has ``write`` fill a temporary file beside ``path`` and renames it to ``path`` when it is complete.

    Raises:
        UnlearningError: if the file cannot be written; nothing is left at either name then, and an older file stays.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    # torch.save reports a full disk as a RuntimeError of its own.
    except (OSError, RuntimeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error).splitlines()[0]
        raise UnlearningError(
            f"Cannot write {path}: {reason}. Free some space or choose another folder, and run again."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file; NaN and infinity are refused."""
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))


def save_weights(path: Path, content: Mapping[str, Any]) -> None:
    """Saves tensors and plain values in torch's format."""
    write_whole(path, lambda part: torch.save(dict(content), part))


def read_weights(path: Path) -> dict[str, Any]:
    """Reads a file of tensors and plain values; no code in it is run.

    Raises:
        UnlearningError: if the file is missing, truncated, or holds anything but tensors and plain values.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols: what is no checkpoint is refused below
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UnlearningError(f"There is no checkpoint at {path}: give the path of one.") from None
    except pickle.UnpicklingError as error:
        raise UnlearningError(
            f"{path} holds pickled objects, or is no checkpoint: expected tensors and plain values only. Save the "
            "nets' state_dict() with torch.save and give that file."
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise UnlearningError(
            f"{path} cannot be read as a checkpoint; it may be truncated. Delete it, or give a complete one."
        ) from error
    if not isinstance(content, dict):
        raise UnlearningError(f"{path} holds a {type(content).__name__}: expected a dict of tensors and plain values.")
    return content
