"""What a file holds, whatever it is called: weights, arrays, pictures, also compressed, packed, or inside a page.

The first bytes say what a file is, and a name such as ``samples.png.bak`` where they do not. Nothing in a file is run.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import re
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, BinaryIO

import numpy as np
import torch
from PIL import Image

from ignite_unlearn.utils.image_files import FORMATS, SUFFIXES
from ignite_unlearn.utils.plain_weights import load_plain

WEIGHTS, ARRAYS, PICTURE, ARCHIVE = "weights", "arrays", "picture", "archive"
_NAMES = {
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".bin", ".safetensors"), WEIGHTS),
    **dict.fromkeys((".npy", ".npz"), ARRAYS),
    **dict.fromkeys(SUFFIXES, PICTURE),
    **dict.fromkeys((".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz"), ARCHIVE),
}
_OPENERS: dict[bytes, Callable[[Any], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")
_LIMIT = 2**28  # bytes of a file that are unpacked or looked through
_DEPTH = 3  # of packings in each other
_EMBEDDED = re.compile(
    rb'data:image/[\w.+-]+;base64,([\w+/=\s]+)|"image/(?:png|jpeg|gif)":\s*"((?:[\w+/=]|\\n)+)"'
    rb"|(\x89PNG\r\n\x1a\n.*?IEND\xaeB`\x82)",
    re.DOTALL,
)
_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "U8": "uint8", "I64": "int64"}


@dataclass(frozen=True)
class Part:
    """One thing that a file holds.

    Attributes:
        kind: ``"weights"``, ``"arrays"``, ``"picture"`` or ``"archive"``.
        value: what is saved as weights, nested in dicts and lists; a list of arrays; a picture's pixels ``(C, H, W)``.
            None where it could not be read.
        embedded: whether it is a picture inside a page, notebook or other file.
    """

    kind: str
    value: Any = None
    embedded: bool = False


def parts(file: BinaryIO, name: str, depth: int = 0) -> Iterator[Part]:
    """Yields what a file holds; nothing for one that is none of the kinds.

    Args:
        file: the file, opened for reading.
        name: its name.
        depth: of packings around it.

    Example:
        >>> packed = gzip.compress(b"a page <img src='data:image/png;base64,AAAA'>")
        >>> [(part.kind, part.value) for part in parts(io.BytesIO(packed), "page.html.gz")]
        [('picture', None)]
    """
    head = file.read(512)
    file.seek(0)
    kind = _kind(head, name)
    try:
        if kind == ARCHIVE:
            yield from _unpacked(file, head, name, depth)
        elif kind is not None:
            yield Part(kind, _READERS[kind](file))
        else:
            yield from _embedded(file)
    except Exception:  # damaged or hostile files raise anything, and then they are files that could not be read
        yield Part(kind or ARCHIVE)


def _kind(head: bytes, name: str) -> str | None:
    if head.startswith(b"\x93NUMPY"):
        return ARRAYS
    if head.startswith(_PICTURES[:3]) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return PICTURE
    if head.startswith((*_OPENERS, b"PK\x03\x04")) or head[257:262] == b"ustar":
        return ARCHIVE
    if head.startswith(b"\x80"):  # a pickle, as torch.save wrote it once
        return WEIGHTS
    named = [_NAMES[suffix.lower()] for suffix in PurePath(name).suffixes if suffix.lower() in _NAMES]
    return named[0] if named else PICTURE if head.startswith(_PICTURES) else None


def _unpacked(file: BinaryIO, head: bytes, name: str, depth: int) -> Iterator[Part]:
    opener = next((opener for magic, opener in _OPENERS.items() if head.startswith(magic)), None)
    if depth > _DEPTH:
        yield Part(ARCHIVE)
    elif opener is not None:
        with opener(file) as unpacked:
            yield from _member(unpacked, PurePath(name).stem, depth)
    elif head.startswith(b"PK"):
        with zipfile.ZipFile(file) as packed:
            members = [member for member in packed.infolist() if not member.is_dir()]
            if any(member.filename.endswith("data.pkl") for member in members):  # what torch.save writes
                yield Part(WEIGHTS, _saved(file))
                return
            for member in members:
                with packed.open(member) as unpacked:
                    yield from _member(unpacked, member.filename, depth)
    else:
        with tarfile.open(fileobj=file) as tar:
            for entry in tar:
                extracted = tar.extractfile(entry) if entry.isfile() else None
                if extracted is not None:
                    yield from _member(extracted, entry.name, depth)


def _member(file: Any, name: str, depth: int) -> Iterator[Part]:
    content = file.read(_LIMIT + 1)
    yield from parts(io.BytesIO(content), name, depth + 1) if len(content) <= _LIMIT else [Part(ARCHIVE)]


def _saved(file: BinaryIO) -> Any:
    file.seek(0)
    start = file.read(9)
    if start[8:] == b"{":  # safetensors: the length of a header in JSON, the header, the numbers
        return _safetensors(file, struct.unpack("<Q", start[:8])[0])
    file.seek(0)
    return load_plain(file)


def _safetensors(file: BinaryIO, length: int) -> dict[str, torch.Tensor]:
    file.seek(8)
    header, numbers = json.loads(file.read(length)), bytearray(file.read())
    return {
        name: torch.frombuffer(
            numbers[slice(*entry["data_offsets"])], dtype=getattr(torch, _DTYPES[entry["dtype"]])
        ).view(entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__" and entry["dtype"] in _DTYPES and 0 not in entry["shape"]
    }


def _arrays(file: BinaryIO) -> list[np.ndarray]:
    return [np.load(file, allow_pickle=False)]


def _pixels(file: BinaryIO) -> torch.Tensor:
    with Image.open(file, formats=FORMATS) as picture:
        return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)


def _embedded(file: BinaryIO) -> Iterator[Part]:
    for found in _EMBEDDED.finditer(file.read(_LIMIT)):
        encoded, noted, whole = found.groups()
        text = (encoded or noted or b"").replace(b"\\n", b"")
        try:
            yield Part(PICTURE, _pixels(io.BytesIO(whole or base64.b64decode(text))), embedded=True)
        except (OSError, ValueError):
            yield Part(PICTURE, embedded=True)


_READERS: dict[str, Callable[[BinaryIO], Any]] = {WEIGHTS: _saved, ARRAYS: _arrays, PICTURE: _pixels}
