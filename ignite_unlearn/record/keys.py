"""Keyed hashes: a record names what was forgotten without confirming it to anybody who holds a copy.

A plain hash of a forgotten image is an exact membership test for whoever has the image. A hash with a key (HMAC,
Krawczyk, Bellare and Canetti 1997) tells nothing without the key, and the key stays with the operator.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.utils.files import write_whole
from ignite_unlearn.utils.hashing import tensors_sha256
from ignite_unlearn.utils.opened import read_bytes

KEY_FILE = "forget.key"
_LARGEST_KEY = 1024  # bytes of that file: its key takes 64


def make_key(folder: Path) -> bytes:
    """Returns the key of a run folder; a new one is written where there is none, readable by its owner alone.

    Raises:
        UnlearningError: if it cannot be written, or the file there holds no key.
    """
    if not (folder / KEY_FILE).exists():
        write_key(folder, secrets.token_bytes(32))
    return read_key(folder)


def write_key(folder: Path, key: bytes) -> None:
    """Writes the key of a run folder, readable by its owner alone.

    Raises:
        UnlearningError: if it cannot be written.
    """
    write_whole(folder / KEY_FILE, lambda part: part.write_text(key.hex(), encoding="ascii"))
    (folder / KEY_FILE).chmod(0o600)


def read_key(folder: Path) -> bytes:
    """Returns the key of a run folder.

    Raises:
        UnlearningError: if there is none.
    """
    path = folder / KEY_FILE
    try:
        key = bytes.fromhex(read_bytes(path, at_most=_LARGEST_KEY).decode("ascii"))
    except (OSError, ValueError) as error:
        raise UnlearningError(
            f"{path} holds no key ({error}): without it nobody can tell whether the record is of these images. Put the "
            "run's own file back."
        ) from error
    if len(key) != 32:
        raise UnlearningError(f"{path} holds {len(key)} bytes: expected the 32 of the run's own key.")
    return key


def keyed_sha256(key: bytes, images: Tensor) -> str:
    """Returns the HMAC-SHA-256 of images ``(N, ...)``, whatever the order that they are in.

    Example:
        >>> import torch
        >>> images = torch.rand(3, 1, 2, 2)
        >>> keyed_sha256(b"k", images) == keyed_sha256(b"k", images.flip(0)) != keyed_sha256(b"l", images)
        True
    """
    each = sorted(tensors_sha256(image) for image in images)
    return hmac.new(key, "".join(each).encode(), hashlib.sha256).hexdigest()
