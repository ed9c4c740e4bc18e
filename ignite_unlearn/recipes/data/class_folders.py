"""How image files lie in folders: by class, and perhaps parted into training and unseen ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.utils.image_files import folders_in, listed

Labelled: TypeAlias = "list[tuple[Path, int]]"
_TRAINED = ("train", "training")
_HELD = ("test", "testing", "val", "valid", "validation")


@dataclass(frozen=True)
class ClassFolders:
    """The image files of a folder.

    Attributes:
        classes: the names of the class folders, in the order of their numbers; none where the folder has no classes.
        files: the files that a GAN may be trained on, with their classes.
        unseen: those that it must not be trained on; None where they have no folder of their own.
    """

    classes: tuple[str, ...]
    files: Labelled
    unseen: Labelled | None

    @classmethod
    def find(cls, root: Path, *, flat: bool = False) -> ClassFolders:
        """Looks at a folder: ``CLASS/*.png``, or the same in ``train`` and ``test``.

        Names of the two do not depend on case; ``training``, ``testing``, ``val``, ``valid`` and ``validation`` do as
        well. A folder ``train`` that stands beside no such folder and holds no folders itself is a class of that name.

        Args:
            root: the folder.
            flat: whether images without class folders will do; they are all of class 0 then.

        Raises:
            UnlearningError: if there are fewer than two classes, one is empty, or training and unseen files do not
                have the same ones.
        """
        train, held = _split(root)
        classes, files = _by_class(train, flat)
        unseen: Labelled = []
        for folder in held:
            found, more = _by_class(folder, flat)
            if found != classes:
                raise UnlearningError(
                    f"{folder} has the class folders {list(found)}, but {train} has {list(classes)}: expected the same."
                )
            unseen += more
        return cls(classes, files, unseen if held else None)


def _split(root: Path) -> tuple[Path, list[Path]]:
    """Returns the folder of the training files, and the folders of unseen ones."""
    named = {folder.name.casefold(): folder for folder in folders_in(root)}
    train = next((named[name] for name in _TRAINED if name in named), None)
    held = [named[name] for name in _HELD if name in named]
    if train is None or not (held or folders_in(train)):
        return root, []
    return train, held


def _by_class(top: Path, flat: bool) -> tuple[tuple[str, ...], Labelled]:
    found = {folder: listed(folder) for folder in folders_in(top)}
    kinds = [folder for folder, paths in found.items() if paths]
    if flat:
        everything = listed(top)
        if len(kinds) < 2 or len(everything) > sum(map(len, found.values())):
            return (), [(path, 0) for path in everything]
    if len(kinds) < 2:
        raise UnlearningError(
            f"{top} holds {len(kinds)} class folders with images: expected at least two, CLASS/*.png (or .jpg)."
        )
    empty = [folder for folder, paths in found.items() if not paths]
    if empty:  # left out, it would shift the numbers of those behind it
        raise UnlearningError(f"{empty[0]} holds no image files: every folder is a class; take it away, or fill it.")
    return tuple(folder.name for folder in kinds), [
        (path, k) for k, folder in enumerate(kinds) for path in found[folder]
    ]
