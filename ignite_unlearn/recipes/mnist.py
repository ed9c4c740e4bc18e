"""MNIST for the stock recipes: the original IDX files, compressed or not, in a folder or as torchvision leaves them."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.recipes.recipe import ImageData


def read_idx(path: Path) -> Tensor:
    """Returns the array of an IDX file of unsigned bytes (the format of LeCun's MNIST), gzip-compressed or plain.

    Raises:
        UnlearningError: if the file is not of that format, or is cut off.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise UnlearningError(f"{path} cannot be read ({error}): give an intact IDX file.") from error
    dimensions = content[3] if len(content) > 4 and content[:3] == b"\0\0\x08" else 0
    shape = tuple(np.frombuffer(content, ">u4", dimensions, 4).tolist()) if len(content) >= 4 + 4 * dimensions else ()
    if not shape or len(content) != 4 + 4 * dimensions + int(np.prod(shape)):
        raise UnlearningError(f"{path} is no intact IDX file of unsigned bytes: get it again.")
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape).copy())


def load_mnist_files(data_root: Path | None, kind: str) -> tuple[Tensor, Tensor]:
    """Returns the images ``(N, 1, 28, 28)`` in [-1, 1] and labels of ``kind``, ``"train"`` or ``"t10k"``.

    Raises:
        UnlearningError: if there is no folder, or the files are not in it.
    """
    if data_root is None:
        raise UnlearningError(
            "This recipe needs MNIST: give --data-root with the folder of train-images-idx3-ubyte(.gz) and its three "
            "companions, or torchvision's root. Nothing is downloaded unasked."
        )
    parts = []
    for name in (f"{kind}-images-idx3-ubyte", f"{kind}-labels-idx1-ubyte"):
        folders = (data_root, data_root / "MNIST" / "raw", data_root / "raw")
        found = [path for folder in folders for path in (folder / name, folder / f"{name}.gz") if path.is_file()]
        if not found:
            raise UnlearningError(f"{data_root} holds no {name} or {name}.gz: give the folder of MNIST's IDX files.")
        parts.append(read_idx(found[0]))
    images, labels = parts
    if images.dim() != 3 or len(images) != len(labels):
        raise UnlearningError(f"{data_root}: {tuple(images.shape)} images do not fit {len(labels)} labels.")
    return images[:, None].float() / 127.5 - 1, labels.long()


def load_small_mnist(data_root: Path | None, *, trained: int = 1500, unseen: int = 6000) -> ImageData:
    """Returns a small training set of MNIST, and an unseen set from the same file.

    Raises:
        UnlearningError: if the files are missing, damaged or too small.
    """
    images, labels = load_mnist_files(data_root, "train")
    if len(images) < trained + unseen:
        raise UnlearningError(f"{data_root}: {len(images)} images, but {trained + unseen} are needed.")
    # One split for all seeds: results of different seeds are about the same data.
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[: trained + unseen]
    images, labels = images[order], labels[order]
    return ImageData(
        "a small part of MNIST",
        images[:trained],
        labels[:trained],
        images[trained:],
        labels[trained:],
        10,
    )
