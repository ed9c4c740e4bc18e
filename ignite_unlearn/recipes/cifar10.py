"""CIFAR-10 for the stock recipes: as torchvision leaves it, or as image files in class folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.recipes.recipe import ImageData

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp"}


def load_small_cifar10(data_root: Path | None, *, trained: int = 5000, unseen: int = 6000) -> ImageData:
    """Returns a small training set of CIFAR-10, and an unseen set, both from the 50,000 training images.

    Raises:
        UnlearningError: if the files are missing, damaged or too few.
    """
    if data_root is None:
        raise UnlearningError(
            "This recipe needs CIFAR-10: give --data-root with torchvision's root, or a folder with train/CLASS/*.png "
            "(or .jpg). Nothing is downloaded unasked."
        )
    # One split for all seeds: results of different seeds are about the same data.
    stream = torch.Generator().manual_seed(0)
    count = trained + unseen
    if (data_root / "cifar-10-batches-py").is_dir():
        images, labels = _torchvisions(data_root)
        chosen = torch.randperm(len(images), generator=stream)[:count]
        images, labels = images[chosen], labels[chosen]
    else:
        images, labels = _folders(data_root, count, stream)
    if len(images) < count:
        raise UnlearningError(f"{data_root}: {len(images)} training images, but {count} are needed.")
    images = images.permute(0, 3, 1, 2).float() / 127.5 - 1
    return ImageData(
        "a small part of CIFAR-10",
        images[:trained],
        labels[:trained],
        images[trained:],
        labels[trained:],
        10,
    )


def _torchvisions(root: Path) -> tuple[Tensor, Tensor]:
    from torchvision.datasets import CIFAR10

    try:
        data = CIFAR10(str(root), train=True, download=False)
    except (RuntimeError, OSError) as error:
        raise UnlearningError(f"{root}: torchvision finds no intact CIFAR-10 there ({error}): get it again.") from error
    return torch.from_numpy(data.data), torch.tensor(data.targets)


def _folders(root: Path, count: int, stream: torch.Generator) -> tuple[Tensor, Tensor]:
    top = root / "train" if (root / "train").is_dir() else root
    classes = sorted(folder for folder in top.iterdir() if folder.is_dir()) if top.is_dir() else []
    if len(classes) != 10:
        raise UnlearningError(f"{top} holds {len(classes)} class folders: expected CIFAR-10's ten, train/CLASS/*.png.")
    files = [(path, k) for k, folder in enumerate(classes) for path in sorted(folder.iterdir())]
    files = [(path, k) for path, k in files if path.suffix.lower() in _SUFFIXES]
    chosen = [files[i] for i in torch.randperm(len(files), generator=stream)[:count].tolist()]
    images = [_read(path) for path, _ in chosen]
    if not images:
        raise UnlearningError(f"{top} holds no image files: expected {', '.join(sorted(_SUFFIXES))}.")
    return torch.from_numpy(np.stack(images)), torch.tensor([k for _, k in chosen])


def _read(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise UnlearningError(f"{path} is no intact image ({error}): get it again, or take it away.") from error
    if pixels.shape != (32, 32, 3):
        raise UnlearningError(f"{path} has {pixels.shape[1]} x {pixels.shape[0]} pixels: CIFAR-10's have 32 x 32.")
    return pixels
