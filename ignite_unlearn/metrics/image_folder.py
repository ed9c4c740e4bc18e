"""Image files of a folder as batches of bytes, as clean-fid lists and reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from ignite_unlearn.errors import UnlearningError

SUFFIXES = frozenset({".bmp", ".jpg", ".jpeg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})


def image_files(folder: Path) -> list[Path]:
    """Returns the image files in a folder and the folders below it, in the order of their names.

    Raises:
        UnlearningError: if it is no folder, or holds none.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not files:
        raise UnlearningError(f"{folder} holds no image files: expected {', '.join(sorted(SUFFIXES))} in it or below.")
    return files


def folder_batches(folder: Path, batch_size: int) -> Iterator[Tensor]:
    """Yields uint8 ``(n, 3, H, W)``, ``n <= batch_size``; a batch ends where the size of the images changes.

    Raises:
        UnlearningError: if the folder holds no images, or one that cannot be read.
    """
    batch: list[Tensor] = []
    for path in image_files(folder):
        image = _read(path)
        if batch and (len(batch) == batch_size or batch[0].shape != image.shape):
            yield torch.stack(batch)
            batch = []
        batch.append(image)
    yield torch.stack(batch)


def _read(path: Path) -> Tensor:
    try:
        with Image.open(path) as image:
            return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    except (OSError, UnidentifiedImageError) as error:
        raise UnlearningError(f"{path} is no intact image ({error}): get it again, or take it away.") from error
