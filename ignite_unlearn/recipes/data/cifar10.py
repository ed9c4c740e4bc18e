"""CIFAR-10 for the stock recipes: as torchvision leaves it, or as image files in class folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.recipes.data.class_folders import ClassFolders
from ignite_unlearn.recipes.data.copies import distinct_unseen
from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.recipes.data.image_folder import load_image_folder, read_images
from ignite_unlearn.recipes.data.source import by_torchvision


@dataclass(frozen=True)
class CIFAR10:
    """CIFAR-10, whole: 50,000 training images, and the test images as the unseen set."""

    def load(self, root: Path | None, named: Sequence[str] = ()) -> ImageData:
        """Returns the images; see :class:`.Data`."""
        return load_cifar10(root)

    def download(self, folder: Path | None) -> None:
        """Has torchvision get it."""
        by_torchvision("CIFAR10", folder)


@dataclass(frozen=True)
class SmallCIFAR10:
    """A small training set of CIFAR-10, and an unseen set, both from its training images.

    Attributes:
        trained: how many training images.
        unseen: how many unseen ones.
    """

    trained: int = 5000
    unseen: int = 6000

    def load(self, root: Path | None, named: Sequence[str] = ()) -> ImageData:
        """Returns the images; see :class:`.Data`."""
        return load_small_cifar10(root, trained=self.trained, unseen=self.unseen)

    def download(self, folder: Path | None) -> None:
        """Has torchvision get it."""
        by_torchvision("CIFAR10", folder)


def load_cifar10(data_root: Path | None) -> ImageData:
    """Returns CIFAR-10: its training images, and its test images as the unseen set.

    Raises:
        UnlearningError: if the files are missing or damaged.
    """
    root = _given(data_root)
    if (root / "cifar-10-batches-py").is_dir():
        return ImageData("CIFAR-10", *_torchvisions(root, train=True), *_torchvisions(root, train=False), 10)
    found = _class_folders(root)
    if found.unseen is None:
        return replace(load_image_folder(root, size=32, channels=3), name="CIFAR-10")
    parts = [read_images(files, size=32, channels=3) for files in (found.files, found.unseen)]
    return ImageData("CIFAR-10", *parts[0], *parts[1], 10)


def load_small_cifar10(data_root: Path | None, *, trained: int = 5000, unseen: int = 6000) -> ImageData:
    """Returns a small training set of CIFAR-10, and an unseen set, both from the 50,000 training images.

    Raises:
        UnlearningError: if the files are missing, damaged or too few.
    """
    root = _given(data_root)
    whole, files = None, []
    if (root / "cifar-10-batches-py").is_dir():
        whole = _torchvisions(root, train=True)
    else:
        files = _class_folders(root).files
    found, count = len(files) if whole is None else len(whole[0]), trained + unseen
    if found < count:
        raise UnlearningError(f"{data_root}: {found} training images, but {count} are needed.")
    # One split for all seeds: results of different seeds are about the same data.
    chosen = torch.randperm(found, generator=torch.Generator().manual_seed(0))[:count]
    if whole is None:
        images, labels = read_images([files[i] for i in chosen.tolist()], size=32, channels=3)
    else:
        images, labels = whole[0][chosen], whole[1][chosen]
    name = "a small part of CIFAR-10"
    return distinct_unseen(ImageData(name, images[:trained], labels[:trained], images[trained:], labels[trained:], 10))


def _given(data_root: Path | None) -> Path:
    if data_root is None:
        raise UnlearningError(
            "This recipe needs CIFAR-10: give --data-root with torchvision's root (with --download it is filled), or a "
            "folder with train/CLASS/*.png and test/CLASS/*.png (or .jpg). Nothing is downloaded unasked."
        )
    return data_root


def _torchvisions(root: Path, *, train: bool) -> tuple[Tensor, Tensor]:
    from torchvision.datasets import CIFAR10

    try:
        data = CIFAR10(str(root), train=train, download=False)
    except (RuntimeError, OSError) as error:
        raise UnlearningError(f"{root}: torchvision finds no intact CIFAR-10 there ({error}): get it again.") from error
    images = torch.from_numpy(data.data).permute(0, 3, 1, 2).float() / 127.5 - 1
    return images, torch.tensor(data.targets)


def _class_folders(root: Path) -> ClassFolders:
    found = ClassFolders.find(root)
    if len(found.classes) != 10:
        raise UnlearningError(
            f"{root} holds {len(found.classes)} class folders: expected CIFAR-10's ten, train/CLASS/*.png."
        )
    return found
