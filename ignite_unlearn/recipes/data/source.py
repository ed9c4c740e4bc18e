"""Where a recipe's data comes from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.recipes.data.image_data import ImageData


class Data(Protocol):
    """Real images for a recipe: a frozen dataclass, whose settings ``--set`` can change."""

    def load(self, root: Path | None, named: Sequence[str] = ()) -> ImageData:
        """Returns the images.

        Args:
            root: the folder that ``--data-root`` names.
            named: names of files that are to be forgotten, and so never put among the unseen ones.

        Raises:
            UnlearningError: if a folder is needed and there is none, or it does not hold what is expected.
        """

    def download(self, folder: Path | None) -> None:
        """Gets the data to where :meth:`load` finds it; see :func:`no_download` and :func:`by_torchvision`.

        Raises:
            UnlearningError: if there is nothing to get, it cannot be had, or there is no folder for it.
        """


def no_download(name: str) -> None:
    """Says that there is nothing to get.

    Raises:
        UnlearningError: always.
    """
    raise UnlearningError(f"{name} has nothing to download: leave --download out.")


def by_torchvision(name: str, folder: Path | None) -> None:
    """Has torchvision put one of its data sets into a folder.

    Args:
        name: of the class in ``torchvision.datasets``.
        folder: becomes torchvision's root.

    Raises:
        UnlearningError: if there is no folder, or it cannot be had.
    """
    if folder is None:
        raise UnlearningError("--download needs a folder for the data: give it with --data-root.")
    import torchvision.datasets

    try:
        getattr(torchvision.datasets, name)(str(folder), download=True)
    except (OSError, RuntimeError) as error:
        raise UnlearningError(
            f"torchvision could not get {name} into {folder} ({error}): get its files by other means, and give "
            "their folder with --data-root alone."
        ) from error
