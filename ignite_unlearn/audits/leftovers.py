"""Audit: what still derives from the forgotten data, in a run folder and among the objects of a live script?"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor, nn

from ignite_unlearn.audits.near_copies import NearCopies
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.files import read_weights
from ignite_unlearn.gan import GAN, unwrap
from ignite_unlearn.metrics.image_folder import SUFFIXES

_WEIGHTS = {".pt", ".pth", ".ckpt", ".pkl", ".tar", ".bin", ".safetensors"}
_ARRAYS = {".npy", ".npz"}


@dataclass(frozen=True)
class Leftover:
    """Something that derives, or may derive, from forgotten data.

    Attributes:
        where: a file's path, or an object's name.
        what: what it is.
        why: how it derives from the forgotten data.
        certain: whether a near-copy of a forgotten image was found in it.
    """

    where: str
    what: str
    why: str
    certain: bool = False


def in_folder(folder: Path, released: set[str], forgotten: Tensor | None = None) -> list[Leftover]:
    """Lists the files of a run folder that still derive from forgotten data; nothing is changed.

    Args:
        folder: walked with all folders below.
        released: names of files that are meant to stay, such as ``{"unlearned.pt"}``; they are searched too.
        forgotten: images ``(N, C, H, W)`` to look for in tensors, arrays and pictures; None: files go by their kind.

    Raises:
        UnlearningError: if there is no such folder.
    """
    if not folder.is_dir():
        raise UnlearningError(f"{folder} is no folder: give that of a run.")
    search = None if forgotten is None else NearCopies(forgotten)
    found = [_of_file(path, path.name in released, search) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [leftover for leftover in found if leftover is not None]


def in_objects(objects: Mapping[str, Any], gan: GAN, forgotten: Tensor | None = None) -> list[Leftover]:
    """Lists which of a live script's objects still derive from forgotten data.

    Args:
        objects: by the names that the list shall use, such as ``{"ema": ema_handler, "optimizerD": optimizerD}``.
        gan: the unlearned GAN; its own nets are none.
        forgotten: images ``(N, C, H, W)`` to look for in tensors.

    Example:
        >>> net = nn.Linear(2, 2)
        >>> gan = GAN(nn.Linear(2, 2), net, latents=(2,))
        >>> [left.what for left in in_objects({"old": nn.Linear(2, 2), "D": net, "fakes": [torch.zeros(1)]}, gan)]
        ['weights of another net', 'buffer of 1 tensors']
    """
    search = None if forgotten is None else NearCopies(forgotten)
    own = {id(unwrap(net)) for net in (gan.generator, gan.discriminator)}
    found = []
    for name, thing in objects.items():
        average = getattr(thing, "ema_model", None)
        thing = average if isinstance(average, nn.Module) else thing
        if isinstance(thing, nn.Module) and id(unwrap(thing)) in own:
            continue
        told = _told(thing, is_average=average is not None)
        if told is not None:
            certain = search is not None and any(search.in_tensor(tensor) for tensor in _tensors(thing))
            found.append(Leftover(name, *told, certain))
    return found


def delete(leftovers: list[Leftover], folder: Path) -> list[Path]:
    """Deletes the files of a list made by :func:`in_folder`, and returns them; call it only where you mean it.

    Raises:
        UnlearningError: if one is not a file in ``folder``; nothing is deleted then.
    """
    paths = [Path(leftover.where) for leftover in leftovers]
    for path in paths:
        if not path.is_file() or folder.resolve() not in path.resolve().parents:
            raise UnlearningError(f"{path} is no file in {folder}: nothing was deleted.")
    for path in paths:
        path.unlink()
    return paths


def _of_file(path: Path, released: bool, search: NearCopies | None) -> Leftover | None:
    kind, certain, readable = path.suffix.lower(), False, True
    if search is not None:
        try:
            certain = _holds_copy(path, kind, search)
        except (UnlearningError, OSError, ValueError, UnidentifiedImageError):
            readable = False
    if certain:
        return Leftover(str(path), "file", "it holds a near-copy of a forgotten image", certain=True)
    if released or kind not in _WEIGHTS | _ARRAYS | SUFFIXES:
        return None
    unread = "" if readable else "; it could not be read"
    if kind in _WEIGHTS:
        return Leftover(str(path), "checkpoint", f"weights or moments trained on the forgotten images{unread}")
    if kind in _ARRAYS:
        return Leftover(str(path), "cached arrays", f"perhaps features or statistics of the forgotten images{unread}")
    return Leftover(str(path), "picture", f"perhaps samples of the original GAN, or forgotten images{unread}")


def _holds_copy(path: Path, kind: str, search: NearCopies) -> bool:
    if kind in _WEIGHTS:
        return any(search.in_tensor(tensor) for tensor in _tensors(read_weights(path)))
    if kind in _ARRAYS:
        loaded = np.load(path, allow_pickle=False)
        arrays = loaded.values() if isinstance(loaded, np.lib.npyio.NpzFile) else [loaded]
        return any(search.in_tensor(torch.from_numpy(array)) for array in arrays if array.dtype.kind in "fiu")
    if kind in SUFFIXES:
        with Image.open(path) as picture:
            return search.in_picture(torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1))
    return False


def _told(thing: Any, *, is_average: bool) -> tuple[str, str] | None:
    """Returns what an object is and why it derives from forgotten data; None where it does not."""
    if isinstance(thing, nn.Module):
        what = "moving average of weights" if is_average else "weights of another net"
        return what, "trained on the forgotten images, unless the phase moved it along"
    if isinstance(thing, torch.optim.Optimizer):
        if not thing.state:
            return None
        return "optimiser's moments", "averages of gradients on the forgotten images, until many steps have passed"
    tensors = list(_tensors(thing))
    if isinstance(thing, Tensor):
        return "tensor", "perhaps forgotten images, or features of them"
    if tensors and isinstance(thing, (list, tuple, deque, dict)):
        return f"buffer of {len(tensors)} tensors", "perhaps forgotten images, or samples of the original GAN"
    if isinstance(thing, torch.utils.data.Dataset):
        return "data set", "it may still hold the forgotten images"
    return None


def _tensors(thing: Any) -> Iterator[Tensor]:
    if isinstance(thing, Tensor):
        yield thing
    elif isinstance(thing, nn.Module):
        yield from thing.state_dict().values()
    elif isinstance(thing, torch.optim.Optimizer):
        yield from _tensors(thing.state_dict()["state"])
    elif isinstance(thing, Mapping):
        for value in thing.values():
            yield from _tensors(value)
    elif isinstance(thing, (list, tuple, deque)):
        for value in thing:
            yield from _tensors(value)
