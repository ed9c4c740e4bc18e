"""Image files: which there are in a folder, what they show, and which of them somebody names."""

from __future__ import annotations

import mimetypes
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.utils.choices import advice
from ignite_unlearn.utils.opened import open_file, read_bytes

SUFFIXES = frozenset(
    {".bmp", ".gif", ".jfif", ".jpg", ".jpeg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)  # fmt: skip
# Whatever a file is called: Pillow would have a program of the system's draw a file that begins as PostScript.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_LONGEST_LIST = 2**26  # bytes of a list of names
_SIXTEEN_BITS = {"I;16", "I;16L", "I;16B", "I;16N"}  # Pillow's modes of grey with 16 bits
_ALSO = {"PNG", "PPM"}  # formats whose mode I means 16 bits, in one Pillow or another


def image_files(folder: Path | str) -> list[Path]:
    """Returns the image files in a folder and the folders below it, in the order of their names.

    Links are followed. Hidden files and folders are left out, such as ``.ipynb_checkpoints``, and so is ``__MACOSX``.

    Raises:
        UnlearningError: if it is no folder, or holds none, or holds images of a kind that is not read.
    """
    files = listed(Path(folder))
    if not files:
        raise UnlearningError(f"{folder} holds no image files: expected {', '.join(sorted(SUFFIXES))} in it or below.")
    return files


def listed(folder: Path) -> list[Path]:
    """Returns the same as :func:`image_files`, and nothing where there are none."""
    files, seen = [], set()
    for where, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(where)
        # A link to a folder above would be walked for ever.
        folders[:] = [] if real in seen else [name for name in folders if _shown(name)]
        files += [] if real in seen else [Path(where, name) for name in names if _shown(name)]
        seen.add(real)
    unread = [path for path in sorted(files) if path.suffix.lower() not in SUFFIXES and _is_picture(path)]
    if unread:
        raise UnlearningError(
            f"{unread[0]} is an image of a kind that is not read: convert it to PNG, or take it away "
            f"(read are {', '.join(sorted(SUFFIXES))})."
        )
    return sorted(path for path in files if path.suffix.lower() in SUFFIXES)


def folders_in(folder: Path) -> list[Path]:
    """Returns the folders in a folder that are not hidden, in the order of their names; none where it is no folder."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and _shown(path.name)) if folder.is_dir() else []


def read_image(path: Path | str, mode: str, *, upright: bool = False) -> Image.Image:
    """Returns an image in a mode of Pillow's with 8 bits; the first picture of a file that holds several.

    Grey of 16 bits is divided by 257, so that white stays white.

    Args:
        path: of the file.
        mode: ``"L"`` or ``"RGB"``.
        upright: whether the picture is turned as its EXIF data say.

    Raises:
        UnlearningError: if it is no intact image, or its values have no known range.
    """
    try:
        with _quietly(), open_file(path) as file, Image.open(file, formats=FORMATS) as image:
            image.load()
            if image.mode == "F" or (image.mode == "I" and image.format not in _ALSO):
                raise UnlearningError(
                    f"{path} has values of 32 bits (mode {image.mode}), whose range is not known: convert it to 8 bits."
                )
            found = ImageOps.exif_transpose(image) if upright else image
            if found.mode == "I" or found.mode in _SIXTEEN_BITS:
                levels = np.asarray(found).astype(np.int64)
                found = Image.fromarray((levels // 257).clip(0, 255).astype(np.uint8))
            if found.mode == "P" and "transparency" in found.info:
                found = found.convert("RGBA")  # else Pillow warns
            return found.convert(mode)
    except UnlearningError:
        raise
    # What Pillow raises of a damaged, huge or strange file is not documented, and of many kinds.
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UnlearningError(f"{path} is no intact image ({reason}): get it again, or take it away.") from error


def find_files(paths: Sequence[Path | str], names: Iterable[Path | str]) -> list[int]:
    """Returns the positions of named files among paths.

    Args:
        paths: what there is.
        names: whole paths, or their ends, such as ``"cats/12.jpg"``.

    Raises:
        UnlearningError: if a name is not that of exactly one file.

    Example:
        >>> find_files(["data/cats/1.png", "data/dogs/1.png"], ["dogs/1.png"])
        [1]
    """
    ends: dict[str, list[int]] = {}
    parts = [Path(path).parts for path in paths]
    for i, found in enumerate(parts):
        ends.setdefault(found[-1], []).append(i)
    positions = []
    for name in map(Path, names):
        wanted = name.parts
        matched = [i for i in ends.get(name.name, []) if parts[i][-len(wanted) :] == wanted]
        if len(matched) != 1:
            one = "give a path that names one, not a pattern."
            if matched:
                more = f" ({paths[matched[0]]}, {paths[matched[1]]}, ...)"
            else:
                more, one = "", advice(name.as_posix(), ("/".join(p[-len(wanted) :]) for p in parts), otherwise=one)
            raise UnlearningError(f"{name} names {len(matched)} files of the data{more}: {one}")
        positions += matched
    return positions


def named_files(text: str) -> list[str]:
    """Returns names of files: of a text ``a.png,b/c.png``, or the lines of a list that is named by ``@list.txt``.

    Raises:
        UnlearningError: if there is no such list, or it is no text.

    Example:
        >>> named_files("a.png, b/c.png")
        ['a.png', 'b/c.png']
    """
    if not text.startswith("@"):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        lines = read_bytes(text[1:], at_most=_LONGEST_LIST).decode("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise UnlearningError(f"{text[1:]} cannot be read as a list of files, a name a line ({error}).") from error
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise UnlearningError(f"{text[1:]} names no files: expected a name a line.")
    return names


@contextmanager
def _quietly() -> Iterator[None]:
    """Pillow warns in the words of the file; of one so large that it may be made to fill the memory, it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _shown(name: str) -> bool:
    return not name.startswith(".") and name != "__MACOSX"


def _is_picture(path: Path) -> bool:
    kind, _ = mimetypes.guess_type(path.name)
    return kind is not None and kind.startswith("image/")
