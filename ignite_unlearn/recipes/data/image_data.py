"""Real images with their labels, as a recipe's data gives them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ignite_unlearn.utils.hashing import tensors_sha256


@dataclass(frozen=True)
class ImageData:
    """Real images in [-1, 1] with their labels.

    Attributes:
        name: what the data is.
        images: images that the GAN is trained on, float32 ``(N, C, H, W)``.
        labels: their classes, int64 ``(N,)``.
        unseen: images that it is not trained on.
        unseen_labels: their classes.
        classes: how many classes there are.
        class_names: what they are called; none where they are known by number.
        files: where the training images come from; none where they have no files of their own.
        notes: sentences about the data that a user should know before the run.
    """

    name: str
    images: Tensor
    labels: Tensor
    unseen: Tensor
    unseen_labels: Tensor
    classes: int
    class_names: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Height and width of the images."""
        return self.images.shape[-1]

    @property
    def channels(self) -> int:
        """Channels of the images."""
        return self.images.shape[1]

    def named(self, number: int) -> str:
        """Returns a class's number, with its name where it has one."""
        return f"{number} ({self.class_names[number]})" if self.class_names else str(number)

    @property
    def sha256(self) -> str:
        """The hash of all images and labels."""
        return tensors_sha256(self.images, self.labels, self.unseen, self.unseen_labels)
