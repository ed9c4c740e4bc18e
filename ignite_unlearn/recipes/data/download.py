"""Downloads, made only when asked for with ``--download``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ignite_unlearn.errors import UnlearningError


def torchvision_download(name: str) -> Callable[[Path], None]:
    """Returns a function that has torchvision put one of its data sets into a folder.

    Args:
        name: of the class in ``torchvision.datasets``.
    """

    def download(folder: Path) -> None:
        import torchvision.datasets

        try:
            getattr(torchvision.datasets, name)(str(folder), download=True)
        except (OSError, RuntimeError) as error:
            raise UnlearningError(
                f"torchvision could not get {name} into {folder} ({error}): get its files by other means, and give "
                "their folder with --data-root alone."
            ) from error

    return download
