"""The images of a run, parted by what is to be forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from ignite_unlearn.recipes.data.image_data import ImageData

Labelled: TypeAlias = tuple[Tensor, Tensor]  # images (N, C, H, W) and their labels (N,)


@dataclass(frozen=True)
class Split:
    """The images of a run.

    Attributes:
        data: all of them.
        asked: mask ``(N,)`` of the training images that the request names.
        forgotten: mask of those that are forgotten: of items, with all copies of theirs.
        calibration: the unseen images that a phase may look at.
        scoring: unseen images that membership is judged by.
        conditional: whether the GAN takes labels.
        earlier: mask of those that earlier requests have named; None: there were none.
    """

    data: ImageData
    asked: Tensor
    forgotten: Tensor
    calibration: Labelled
    scoring: Labelled
    conditional: bool
    earlier: Tensor | None = None

    @property
    def forget(self) -> Labelled:
        """The training images that are to be forgotten."""
        return self.data.images[self.forgotten], self.data.labels[self.forgotten]

    @property
    def requests(self) -> list[Labelled]:
        """The same, those of earlier requests first."""
        earlier = torch.zeros_like(self.forgotten) if self.earlier is None else self.earlier
        parts = (self.forgotten & earlier, self.forgotten & ~earlier)
        return [(self.data.images[part], self.data.labels[part]) for part in parts if bool(part.any())]

    @property
    def retain(self) -> Labelled:
        """The other training images."""
        return self.data.images[~self.forgotten], self.data.labels[~self.forgotten]

    @property
    def kinds(self) -> dict[str, tuple[Tensor, Tensor | None]]:
        """The images that scores are shown of, by kind (forget, retain, unseen), with labels if the GAN has them."""
        found = {"forget": self.forget, "retain": self.retain, "unseen": self.scoring}
        return {kind: (images, self.given(labels)) for kind, (images, labels) in found.items()}

    def given(self, labels: Tensor) -> Tensor | None:
        """Returns labels as the GAN takes them: None where it takes none."""
        return labels if self.conditional else None


def halves(data: ImageData) -> tuple[Labelled, Labelled]:
    """Returns the two halves of the unseen images, with their labels."""
    half = len(data.unseen) // 2
    return (data.unseen[:half], data.unseen_labels[:half]), (data.unseen[half:], data.unseen_labels[half:])
