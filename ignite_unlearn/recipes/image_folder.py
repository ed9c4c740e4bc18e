"""Image files in class folders for the stock recipes: any user's own, and data sets that come like that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from tqdm.auto import tqdm

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.metrics.image_folder import SUFFIXES
from ignite_unlearn.recipes.recipe import ImageData

_UNSEEN = 10  # without a folder of its own, the unseen set is every so manieth image


def load_image_folder(data_root: Path | None, *, size: int, channels: int) -> ImageData:
    """Returns the images of class folders, cropped to squares about their middle and resized.

    With ``train`` and ``test`` folders in it, the latter is the unseen set; else a tenth of all images is. Classes are
    numbered in the order of the folders' names.

    Args:
        data_root: ``CLASS/*.png``, ``train/CLASS/*.png`` and ``test/CLASS/*.png``, or other image files.
        size: of the images that the GAN makes.
        channels: of them: 1 for grey, 3 for colour.

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
    files, classes = class_files(data_root)
    test = data_root / "test"
    if test.is_dir() and (data_root / "train").is_dir():
        unseen, found = class_files(test)
        if found != classes:
            raise UnlearningError(f"{test} has the class folders {found}, but {data_root / 'train'} has {classes}.")
    else:
        order = torch.randperm(len(files), generator=torch.Generator().manual_seed(0)).tolist()
        unseen = [files[i] for i in order[: len(files) // _UNSEEN]]
        files = [files[i] for i in order[len(files) // _UNSEEN :]]
    if not unseen or not files:
        raise UnlearningError(f"{data_root} holds too few images: at least ten are needed, or a folder test with some.")
    name = f"{data_root.name} ({', '.join(f'{k}: {name}' for k, name in enumerate(classes))})"
    trained, held = (read_images(part, size=size, channels=channels) for part in (files, unseen))
    return ImageData(name, *trained, *held, len(classes))


def class_files(root: Path) -> tuple[list[tuple[Path, int]], list[str]]:
    """Returns the image files of class folders with their classes, and the classes' names.

    Args:
        root: the folder of the class folders, or one that holds them in ``train``.

    Raises:
        UnlearningError: if there are fewer than two classes.
    """
    top = root / "train" if (root / "train").is_dir() else root
    folders = sorted(folder for folder in top.iterdir() if folder.is_dir()) if top.is_dir() else []
    found = [[path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES] for folder in folders]
    kinds = [(folder, paths) for folder, paths in zip(folders, found, strict=True) if paths]
    if len(kinds) < 2:
        raise UnlearningError(
            f"{top} holds {len(kinds)} class folders with images: expected at least two, CLASS/*.png (or .jpg)."
        )
    files = [(path, k) for k, (_, paths) in enumerate(kinds) for path in paths]
    return files, [folder.name for folder, _ in kinds]


def read_images(files: Sequence[tuple[Path, int]], *, size: int, channels: int) -> tuple[Tensor, Tensor]:
    """Returns images ``(N, channels, size, size)`` in [-1, 1] of files, and their labels ``(N,)``.

    Raises:
        UnlearningError: if one is no intact image.
    """
    # Filled in place: a list of arrays would need the memory twice.
    pixels = np.empty((len(files), size, size, channels), np.uint8)
    for i, (path, _) in enumerate(tqdm(files, desc="images", delay=3, disable=None)):
        image = _read(path, {1: "L", 3: "RGB"}[channels])
        if image.size != (size, size):
            image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
        pixels[i] = np.asarray(image).reshape(size, size, channels)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
    return images, torch.tensor([k for _, k in files])


def _read(path: Path, mode: str) -> Image.Image:
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image).convert(mode)
    except (OSError, UnidentifiedImageError) as error:
        raise UnlearningError(f"{path} is no intact image ({error}): get it again, or take it away.") from error
