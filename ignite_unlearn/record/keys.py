"""Keyed hashes: a record names what was forgotten without confirming it to anybody who holds a copy.

A plain hash of a forgotten image is an exact membership test for whoever has the image. A hash with a key (HMAC,
Krawczyk, Bellare and Canetti 1997) tells nothing without the key, and the key stays with the operator.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.utils.files import read_released, read_weights, write_whole
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


def weights_sha256(gan: GAN) -> str:
    """Returns the hash of a GAN's weights, whatever file holds them: of all tensors' types, shapes and values.

    Example:
        >>> import torch
        >>> gan = GAN(torch.nn.Linear(2, 4), torch.nn.Linear(4, 1), latents=(2,))
        >>> len(weights_sha256(gan))
        64
    """
    return state_sha256(gan.generator.state_dict(), gan.discriminator.state_dict())


def state_sha256(generator: Mapping[str, Tensor], discriminator: Mapping[str, Tensor]) -> str:
    """Returns the hash of :func:`weights_sha256` of two state dicts, in the order of their names."""
    return tensors_sha256(*(state[name] for state in (generator, discriminator) for name in sorted(state)))


def file_weights_sha256(file: Path) -> str:
    """Returns the hash of :func:`weights_sha256` of a file that holds a GAN's weights.

    Args:
        file: ``.pt`` with state dicts ``generator`` and ``discriminator``, or ``.safetensors`` with their tensors under
            names that begin so.

    Raises:
        UnlearningError: if it cannot be read, or holds something else.
    """
    state = read_released(file) if file.suffix == ".safetensors" else read_weights(file)
    if not all(_is_state(state.get(net)) for net in ("generator", "discriminator")):
        raise UnlearningError(
            f"{file} holds no weights of a generator and a discriminator: expected a dict of two state dicts, "
            "'generator' and 'discriminator', as save_weights() writes it and a run leaves it in unlearned.pt."
        )
    return state_sha256(state["generator"], state["discriminator"])


def _is_state(state: Any) -> bool:
    """Whether this is a state dict that holds something."""
    if not isinstance(state, dict) or not state:
        return False
    return all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in state.items())
