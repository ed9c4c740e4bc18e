"""MNIST and Fashion-MNIST for the stock recipes: the original IDX files, in a folder or as torchvision leaves them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn.functional import interpolate

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.recipes.data.copies import distinct_unseen
from ignite_unlearn.recipes.data.idx import read_idx_images
from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.recipes.data.source import by_torchvision


@dataclass(frozen=True)
class MNIST:
    """MNIST, whole: 60,000 training images, and the test images as the unseen set."""

    def load(self, root: Path | None, named: Sequence[str] = ()) -> ImageData:
        """Returns the images; see :class:`.Data`."""
        return load_mnist(root)

    def download(self, folder: Path | None) -> None:
        """Has torchvision get it."""
        by_torchvision("MNIST", folder)


@dataclass(frozen=True)
class FashionMNIST:
    """Fashion-MNIST, whole: 60,000 training images, and the test images as the unseen set."""

    def load(self, root: Path | None, named: Sequence[str] = ()) -> ImageData:
        """Returns the images; see :class:`.Data`."""
        return load_fashion_mnist(root)

    def download(self, folder: Path | None) -> None:
        """Has torchvision get it."""
        by_torchvision("FashionMNIST", folder)


@dataclass(frozen=True)
class SmallMNIST:
    """A small training set of MNIST, and an unseen set from the same file.

    Attributes:
        trained: how many training images.
        unseen: how many unseen ones.
        size: height and width that they are shrunk to; 28: they are as they were.
    """

    trained: int = 1500
    unseen: int = 6000
    size: int = 28

    def load(self, root: Path | None, named: Sequence[str] = ()) -> ImageData:
        """Returns the images; see :class:`.Data`."""
        return load_small_mnist(root, trained=self.trained, unseen=self.unseen, size=self.size)

    def download(self, folder: Path | None) -> None:
        """Has torchvision get it."""
        by_torchvision("MNIST", folder)


def load_mnist(data_root: Path | None) -> ImageData:
    """Returns MNIST: its training images, and its test images as the unseen set.

    Raises:
        UnlearningError: if the files are missing or damaged.
    """
    return _whole(data_root, "MNIST")


def load_fashion_mnist(data_root: Path | None) -> ImageData:
    """Returns Fashion-MNIST: its training images, and its test images as the unseen set.

    Raises:
        UnlearningError: if the files are missing or damaged.
    """
    return _whole(data_root, "FashionMNIST")


def load_small_mnist(data_root: Path | None, *, trained: int = 1500, unseen: int = 6000, size: int = 28) -> ImageData:
    """Returns a small training set of MNIST, and an unseen set from the same file; see :class:`SmallMNIST`.

    Raises:
        UnlearningError: if the files are missing, damaged or too small.
    """
    images, labels = read_idx_images(data_root, "train", "MNIST")
    if len(images) < trained + unseen:
        raise UnlearningError(f"{data_root}: {len(images)} images, but {trained + unseen} are needed.")
    # One split for all seeds: results of different seeds are about the same data.
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[: trained + unseen]
    images, labels = images[order], labels[order]
    name = "a small part of MNIST"
    if size != images.shape[-1]:
        name, images = f"{name}, at {size} x {size}", interpolate(images, size=(size, size), mode="area")
    return distinct_unseen(ImageData(name, images[:trained], labels[:trained], images[trained:], labels[trained:], 10))


def _whole(data_root: Path | None, name: str) -> ImageData:
    parts = [read_idx_images(data_root, kind, name) for kind in ("train", "t10k")]
    shown = {"FashionMNIST": "Fashion-MNIST"}.get(name, name)
    return ImageData(shown, *parts[0], *parts[1], 10)
