"""Image files in folders for the stock recipes: any user's own, and data sets that come like that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from tqdm.auto import tqdm

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.recipes.data.class_folders import ClassFolders, Labelled
from ignite_unlearn.recipes.data.copies import distinct_unseen, first_alike
from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.recipes.data.source import no_download
from ignite_unlearn.recipes.settings import setting
from ignite_unlearn.utils.image_files import find_files, read_image

_UNSEEN = 10  # without a folder of its own, the unseen set is every so manieth image


@dataclass(frozen=True)
class ImageFolder:
    """Images of the user's, in the folder that ``--data-root`` names.

    Attributes:
        flat: whether images without class folders will do.
    """

    size: int = setting(32, "height and width of the images that the GAN makes", at_least=16)
    channels: int = setting(3, "1 for grey, 3 for colour", at_least=1, at_most=3)
    flat: bool = False

    def load(self, root: Path | None, named: Sequence[str] = ()) -> ImageData:
        """Returns the images; see :class:`.Data`."""
        return load_image_folder(root, size=self.size, channels=self.channels, flat=self.flat, trained=named)

    def download(self, folder: Path | None) -> None:
        """Says that there is nothing to get."""
        no_download("A folder of images")


def load_image_folder(
    data_root: Path | str | None, *, size: int, channels: int, flat: bool = False, trained: Sequence[str] = ()
) -> ImageData:
    """Returns the images of class folders, cropped to squares about their middle and resized.

    With folders ``train`` and ``test`` in it, the latter is the unseen set; else a tenth of all images is. No unseen
    image is a copy of a training image. Classes are numbered in the order of the folders' names, as torchvision does.

    Args:
        data_root: the folder; see :class:`~ignite_unlearn.recipes.data.class_folders.ClassFolders`.
        size: of the images that the GAN makes.
        channels: of them: 1 for grey, 3 for colour.
        flat: whether images without class folders will do.
        trained: names of files that are never put into the unseen tenth, since they are to be forgotten.

    Raises:
        UnlearningError: if there are fewer than two classes, no images, or one that cannot be read.
    """
    if channels not in (1, 3) or size < 16 or size % 8:
        raise UnlearningError(
            f"size={size}, channels={channels}: expected a size of 16, 24, 32, ... and channels of 1 or 3."
        )
    if data_root is None:
        raise UnlearningError(
            "This recipe needs images of yours: give --data-root with a folder of CLASS/*.png (or .jpg)."
        )
    root = Path(data_root)
    found = ClassFolders.find(root, flat=flat)
    kept = find_files([path for path, _ in found.files], trained)
    pixels = _read(found.files, size, channels)
    if found.unseen is None:
        train, held = _tenth(first_alike(pixels), kept)
        files, unseen = ([found.files[i] for i in rows] for rows in (train, held))
        shown = pixels[train], pixels[held]
    else:
        files, unseen = found.files, found.unseen
        shown = pixels, _read(unseen, size, channels)
    if not unseen or not files:
        raise UnlearningError(f"{root} holds too few images: at least ten are needed, or a folder test with some.")
    classes = ", ".join(f"{k}: {name}" for k, name in enumerate(found.classes))
    data = ImageData(
        f"{root.absolute().name} ({classes or 'no classes: the feature extractor has learned nothing of them'})",
        _floats(shown[0]),
        torch.tensor([k for _, k in files]),
        _floats(shown[1]),
        torch.tensor([k for _, k in unseen]),
        max(1, len(found.classes)),
        class_names=found.classes,
        files=tuple(path for path, _ in files),
        notes=_notes(shown[0]),
    )
    return distinct_unseen(data, [path for path, _ in unseen])


def read_images(files: Labelled, *, size: int, channels: int) -> tuple[Tensor, Tensor]:
    """Returns images ``(N, channels, size, size)`` in [-1, 1] of files, and their labels ``(N,)``.

    Raises:
        UnlearningError: if one is no intact image.
    """
    return _floats(_read(files, size, channels)), torch.tensor([k for _, k in files])


def _notes(pixels: Tensor) -> tuple[str, ...]:
    """Returns what somebody with such images may want to know."""
    grey = pixels.shape[1] == 3 and bool((pixels == pixels[:, :1]).all())
    return (
        ("all training images are grey: --set channels=1 makes a GAN of grey images, which is smaller",) if grey else ()
    )


def _tenth(alike: Tensor, kept: Sequence[int]) -> tuple[list[int], list[int]]:
    """Returns the positions of training and of unseen images: copies on one side, and ``kept`` among the former."""
    kinds, of = alike.unique(return_inverse=True)
    order = torch.randperm(len(kinds), generator=torch.Generator().manual_seed(0))
    fixed = set(of[list(kept)].tolist())
    movable = [k for k in order.tolist() if k not in fixed]
    held = set(movable[: len(kinds) // _UNSEEN])
    rows: dict[int, list[int]] = {}
    for i, k in enumerate(of.tolist()):
        rows.setdefault(k, []).append(i)
    train = [i for k in order.tolist() if k not in held for i in rows[k]]
    return train, [i for k in movable if k in held for i in rows[k]]


def _read(files: Labelled, size: int, channels: int) -> Tensor:
    """Returns images as bytes ``(N, channels, size, size)``."""
    # Filled in place: a list of arrays would need the memory twice.
    pixels = np.empty((len(files), size, size, channels), np.uint8)
    for i, (path, _) in enumerate(tqdm(files, desc="images", delay=3, disable=None)):
        image = read_image(path, {1: "L", 3: "RGB"}[channels], upright=True)
        if image.size != (size, size):
            image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
        pixels[i] = np.asarray(image).reshape(size, size, channels)
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


def _floats(pixels: Tensor) -> Tensor:
    return pixels.float().div_(127.5).sub_(1)
