"""IDX files of unsigned bytes, the format of LeCun's MNIST."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.utils.opened import open_file

_MOST_DIMENSIONS = 4
_LARGEST = 2**31  # bytes of an array: that of EMNIST has .5 of them
_PART = 2**24  # bytes that are read at once
_CLASSES = 10


def read_idx(path: Path) -> Tensor:
    """Returns the array of an IDX file of unsigned bytes, gzip-compressed or plain.

    Raises:
        UnlearningError: if the file is not of that format, is cut off, or holds more than 2 GiB.
    """
    try:
        with open_file(path) as file, gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file as content:
            return _array(cast("BinaryIO", content), path)
    except (OSError, EOFError, zlib.error) as error:
        raise UnlearningError(f"{path} cannot be read ({error}): give an intact IDX file.") from error


def _array(file: BinaryIO, path: Path) -> Tensor:
    # The header says how much there is; no more is unpacked than that.
    head = file.read(4)
    dimensions = head[3] if len(head) == 4 and head[:3] == b"\0\0\x08" else 0
    sizes = file.read(4 * dimensions)
    shape = tuple(np.frombuffer(sizes, ">u4").tolist()) if len(sizes) == 4 * dimensions else ()
    size = math.prod(shape)  # of Python's numbers, which do not overflow
    if dimensions > _MOST_DIMENSIONS or size > _LARGEST:
        raise UnlearningError(
            f"{path} says that it holds more than can be: {dimensions} dimensions, sizes {shape[:_MOST_DIMENSIONS]}. "
            f"Expected are at most {_MOST_DIMENSIONS}, and {_LARGEST:,} bytes: get it again."
        )
    content = _at_most(file, size + 1) if shape else bytearray()
    if not shape or len(content) != size:
        raise UnlearningError(f"{path} is no intact IDX file of unsigned bytes: get it again.")
    return torch.from_numpy(np.frombuffer(content, np.uint8).reshape(shape))


def _at_most(file: BinaryIO, size: int) -> bytearray:
    """Returns what a file has left, cut off at a size that it claims: memory is taken for what is there."""
    content = bytearray()
    while part := file.read(min(_PART, size - len(content))):
        content += part
    return content


def read_idx_images(data_root: Path | None, kind: str, name: str) -> tuple[Tensor, Tensor]:
    """Returns the images ``(N, 1, H, W)`` in [-1, 1] and labels of a data set that comes as IDX files.

    Args:
        data_root: the folder of the files, or torchvision's root.
        kind: ``"train"`` or ``"t10k"``, which the files' names begin with.
        name: torchvision's name of the data set.

    Raises:
        UnlearningError: if there is no folder, or the files are not in it.
    """
    if data_root is None:
        raise UnlearningError(
            f"This recipe needs {name}: give --data-root with the folder of train-images-idx3-ubyte(.gz) and its three "
            "companions, or torchvision's root (with --download it is filled). Nothing is downloaded unasked."
        )
    images, labels = (_find(data_root, f"{kind}-{part}-ubyte", name) for part in ("images-idx3", "labels-idx1"))
    if images.dim() != 3 or labels.shape != images.shape[:1] or not images.numel():
        raise UnlearningError(
            f"{data_root}: {kind}-images of shape {tuple(images.shape)} do not fit {kind}-labels of shape "
            f"{tuple(labels.shape)}: expected some images (N, H, W), and a label of each."
        )
    if labels.max() >= _CLASSES:
        raise UnlearningError(
            f"{data_root}: {kind}-labels go up to {int(labels.max())}: expected {name}'s ten classes, 0 to 9."
        )
    return images[:, None].float() / 127.5 - 1, labels.long()


def _find(root: Path, file: str, name: str) -> Tensor:
    folders = (root, root / name / "raw", root / "raw")
    found = [path for folder in folders for path in (folder / file, folder / f"{file}.gz") if path.is_file()]
    if not found:
        raise UnlearningError(f"{root} holds no {file} or {file}.gz: give the folder of {name}'s IDX files.")
    return read_idx(found[0])
