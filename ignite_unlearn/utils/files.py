"""Files that are whole or not there: written to a temporary name, then renamed; weights read without running code."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from packaging.version import Version
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.utils.opened import open_file
from ignite_unlearn.utils.plain_weights import load_plain

# Only the reading of files asks for it. As a floor of the package it would make everybody upgrade who trains with an
# older torch, and a phase in a loop of one's own reads no file.
_SAFE = (2, 10)


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
        _flush(path.parent)
    # torch.save reports a full disk as a RuntimeError of its own.
    except (OSError, RuntimeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error).splitlines()[0]
        raise UnlearningError(
            f"Cannot write {path}: {reason}. Free some space or choose another folder, and run again."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _flush(folder: Path) -> None:
    """Has a new name outlast a loss of power, where the system lets a folder be flushed."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file; NaN and infinity are refused."""
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))


def save_weights(path: Path, content: Mapping[str, Any]) -> None:
    """Saves tensors and plain values in torch's format."""
    write_whole(path, lambda part: torch.save(dict(content), part))


def save_released(path: Path, nets: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Saves the weights of nets as safetensors, a format that holds numbers alone: what is given to others.

    Args:
        path: of the file, ``.safetensors``.
        nets: state dicts by name; the tensor ``key`` of a net is called ``name.key``.

    Raises:
        UnlearningError: if the file cannot be written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "unlearned.safetensors")
        >>> save_released(path, {"generator": torch.nn.Linear(1, 1).state_dict()})
        >>> sorted(read_released(path)["generator"])
        ['bias', 'weight']
    """
    # Copies: safetensors refuses tensors that share memory, as tied weights do, and other strides than the usual.
    flat = {
        f"{name}.{key}": tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, state in nets.items()
        for key, tensor in state.items()
    }
    write_whole(path, lambda part: save_file(flat, part))


def read_released(path: Path) -> dict[str, dict[str, Tensor]]:
    """Reads what :func:`save_released` wrote: state dicts by name.

    Raises:
        UnlearningError: if the file is missing, or is none of these.
    """
    try:
        with open_file(path):  # what is no file would be waited for
            flat = load_file(path)
    except FileNotFoundError:
        raise UnlearningError(f"There are no weights at {path}: give the path of a .safetensors file.") from None
    except (OSError, SafetensorError) as error:
        raise UnlearningError(f"{path} cannot be read as safetensors ({error}): give an intact file.") from error
    nets: dict[str, dict[str, Tensor]] = {}
    for key, tensor in flat.items():
        name, dot, rest = key.partition(".")
        if not dot:
            raise UnlearningError(f"{path} holds a tensor {key!r} of no net: expected names such as generator.{key}.")
        nets.setdefault(name, {})[rest] = tensor
    return nets


def read_weights(path: Path) -> dict[str, Any]:
    """Reads a file of tensors and plain values; no code in it is run.

    Raises:
        UnlearningError: if the file is missing, truncated, or holds anything but tensors and plain values; if torch is
            older than 2.10, which does not keep that promise.
    """
    if Version(torch.__version__).release < _SAFE:
        raise UnlearningError(
            f"{path} is not read: torch {torch.__version__} may run code that is hidden in such a file (CVE-2025-32434 "
            f"below 2.6, CVE-2026-24747 below 2.10). Install torch 2.10 or newer."
        )
    try:
        with open_file(path) as file:
            content = load_plain(file)
    except FileNotFoundError:
        raise UnlearningError(f"There is no checkpoint at {path}: give the path of one.") from None
    except pickle.UnpicklingError as error:
        raise UnlearningError(
            f"{path} holds pickled objects, or is no checkpoint: expected tensors and plain values only. Save the "
            "nets' state_dict() with torch.save and give that file."
        ) from error
    except UnlearningError as error:
        raise UnlearningError(f"{path} {error}") from error
    # What torch raises of a damaged or hostile file is not documented, and of many kinds.
    except Exception as error:
        raise UnlearningError(
            f"{path} cannot be read as a checkpoint; it may be truncated. Delete it, or give a complete one."
        ) from error
    if not isinstance(content, dict):
        raise UnlearningError(f"{path} holds a {type(content).__name__}: expected a dict of tensors and plain values.")
    return content
