"""Feature extractors: what an FID is measured with, always named beside the number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.metrics.feature_rows import feature_rows
from ignite_unlearn.utils.answers import answer, rows_of
from ignite_unlearn.utils.asked import ANYTHING, CALL, COUNT, TEXT, asks, kind, maybe
from ignite_unlearn.utils.hashing import tensors_sha256
from ignite_unlearn.utils.image_files import image_files, read_image


class FeatureExtractor:
    """Turns images into features, and says what it is.

    Args:
        model: images ``(N, C, H, W)`` to features ``(N, F)``, or another form that
            :func:`~ignite_unlearn.metrics.feature_rows.feature_rows` takes; images of a float type come in that of its
            parameters.
        name: what it is called in records, such as ``"digits-cnn-64"``.
        batch_size: images at once.
        resize: what the images go through first, such as :class:`~ignite_unlearn.metrics.resize.CleanResize`; None: the
            model is shown the images as they are, in whatever range they have. That range is the caller's to know:
            images in [0, 1] where [-1, 1] is meant cannot be told from bright ones, and give another FID without a
            word.

    Example:
        >>> import torch
        >>> extractor = FeatureExtractor(torch.nn.Flatten(), "pixels")
        >>> extractor(torch.zeros(3, 1, 2, 2)).shape
        (3, 4)
    """

    @asks(model=kind("an nn.Module", nn.Module), name=TEXT, batch_size=COUNT, resize=maybe(CALL))
    def __init__(
        self,
        model: nn.Module,
        name: str,
        *,
        batch_size: int = 512,
        resize: Callable[[Tensor], Tensor] | None = None,
    ):
        self.model = model
        self.name = name
        self.batch_size = batch_size
        self.resize = resize

    def __call__(self, images: Tensor | Path | str) -> np.ndarray:
        """Returns features, shape ``(N, F)``.

        Args:
            images: ``(N, C, H, W)``, or a folder of image files, which are shown as RGB bytes, in the order of their
                names; where they differ in size the extractor must resize.

        Raises:
            UnlearningError: if there are no images, or one cannot be read; if the features do not fit, or hold NaN.
        """
        if isinstance(images, Tensor) and not len(images):
            raise UnlearningError("There are no images to be measured: give at least one, shape (N, C, H, W).")
        parts = images.split(self.batch_size) if isinstance(images, Tensor) else folder_batches(images, self.batch_size)
        found = []
        with borrow(self.model), torch.no_grad():
            for part in parts:
                like = next(self.model.parameters(), part)
                part = part.to(like.device)
                if self.resize:
                    part = answer("resize", rows_of(len(part)), self.resize, part)
                if part.is_floating_point() and like.is_floating_point():
                    part = part.to(like.dtype)
                found.append(feature_rows(answer("the extractor's model", ANYTHING, self.model, part), len(part)))
        return np.concatenate(found)

    @property
    def sha256(self) -> str:
        """The hash of the model's parameters and buffers."""
        return tensors_sha256(*self.model.state_dict().values())


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
