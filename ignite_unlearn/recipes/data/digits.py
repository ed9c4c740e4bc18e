"""Real handwriting that ships with scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch.nn.functional import interpolate

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.recipes.data.copies import distinct_unseen
from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.recipes.data.source import no_download
from ignite_unlearn.recipes.settings import setting

_TRAINED = 1437  # four fifths; the rest is the unseen set


@dataclass(frozen=True)
class Digits:
    """The 1,797 handwritten digits of scikit-learn, enlarged to 16 x 16."""

    def load(self, root: Path | None = None, named: Sequence[str] = ()) -> ImageData:
        """Returns the images; see :class:`.Data`.

        Raises:
            UnlearningError: if a folder is given: other data would be expected then.
        """
        _refuse(root, "digits-class", "folder-class")
        return load_digits()

    def download(self, folder: Path | None) -> None:
        """Says that there is nothing to get."""
        no_download("scikit-learn's digits")


@dataclass(frozen=True)
class FewDigits:
    """A few of scikit-learn's digits, so few that a GAN can reproduce them; all others are unseen images."""

    trained: int = setting(64, "how many digits the GAN is trained on", at_least=2, at_most=_TRAINED)

    def load(self, root: Path | None = None, named: Sequence[str] = ()) -> ImageData:
        """Returns the images; see :class:`.Data`.

        Raises:
            UnlearningError: if a folder is given: other data would be expected then.
        """
        _refuse(root, "digits-items", "folder-items")
        return distinct_unseen(replace(load_digits(self.trained), name="a few of scikit-learn's digits"))

    def download(self, folder: Path | None) -> None:
        """Says that there is nothing to get."""
        no_download("scikit-learn's digits")


def _refuse(root: Path | None, recipe: str, instead: str) -> None:
    if root is not None:
        raise UnlearningError(
            f"{recipe} has its data from scikit-learn and does not read {root}: leave --data-root out, or run "
            f"{instead}."
        )


def load_digits(trained: int = _TRAINED) -> ImageData:
    """Returns the digits, so many of them to be trained on."""
    from sklearn.datasets import load_digits as load

    raw = load()
    small = torch.tensor(raw.images, dtype=torch.float32)[:, None] / 8 - 1
    images = interpolate(small, size=(16, 16), mode="bilinear", align_corners=False)
    labels = torch.tensor(raw.target, dtype=torch.int64)
    # One split for all seeds: results of different seeds are about the same data.
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    seen, unseen = order[:trained], order[trained:]
    return ImageData("scikit-learn digits", images[seen], labels[seen], images[unseen], labels[unseen], 10)
