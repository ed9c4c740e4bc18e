"""IDX files of unsigned bytes, the format of LeCun's MNIST."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError


def read_idx(path: Path) -> Tensor:
    """Returns the array of an IDX file of unsigned bytes, gzip-compressed or plain.

    Raises:
        UnlearningError: if the file is not of that format, or is cut off.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise UnlearningError(f"{path} cannot be read ({error}): give an intact IDX file.") from error
    dimensions = content[3] if len(content) > 4 and content[:3] == b"\0\0\x08" else 0
    shape = tuple(np.frombuffer(content, ">u4", dimensions, 4).tolist()) if len(content) >= 4 + 4 * dimensions else ()
    if not shape or len(content) != 4 + 4 * dimensions + int(np.prod(shape)):
        raise UnlearningError(f"{path} is no intact IDX file of unsigned bytes: get it again.")
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape).copy())


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
    if images.dim() != 3 or len(images) != len(labels):
        raise UnlearningError(f"{data_root}: {tuple(images.shape)} images do not fit {len(labels)} labels.")
    return images[:, None].float() / 127.5 - 1, labels.long()


def _find(root: Path, file: str, name: str) -> Tensor:
    folders = (root, root / name / "raw", root / "raw")
    found = [path for folder in folders for path in (folder / file, folder / f"{file}.gz") if path.is_file()]
    if not found:
        raise UnlearningError(f"{root} holds no {file} or {file}.gz: give the folder of {name}'s IDX files.")
    return read_idx(found[0])
