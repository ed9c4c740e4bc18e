"""Image files of a folder as batches of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ignite_unlearn.utils.image_files import image_files, read_image


def folder_batches(folder: Path | str, batch_size: int) -> Iterator[Tensor]:
    """Yields uint8 ``(n, 3, H, W)``, ``n <= batch_size``; a batch ends where the size of the images changes.

    Files are read as clean-fid reads them, but for grey of 16 bits, which is scaled to 8 and not cut off.

    Raises:
        UnlearningError: if the folder holds no images, or one that cannot be read.
    """
    batch: list[Tensor] = []
    for path in image_files(folder):
        image = torch.from_numpy(np.array(read_image(path, "RGB"))).permute(2, 0, 1)
        if batch and (len(batch) == batch_size or batch[0].shape != image.shape):
            yield torch.stack(batch)
            batch = []
        batch.append(image)
    yield torch.stack(batch)
