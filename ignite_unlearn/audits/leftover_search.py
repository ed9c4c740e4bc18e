"""What still derives from the forgotten data, in a run folder and among the objects of a live script."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ignite_unlearn.audits.file_contents import ARCHIVE, ARRAYS, PICTURE, WEIGHTS, Part, parts
from ignite_unlearn.audits.holdings import Own, holdings, tensors
from ignite_unlearn.audits.near_copies import NearCopies
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import Forget
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.handlers.phase import UnlearningPhase
from ignite_unlearn.handlers.replay import Replay
from ignite_unlearn.utils.asked import IMAGES, PATH, TENSORS, TEXT, asks, kind, maybe, several
from ignite_unlearn.utils.opened import open_file

_PHASE = {"iterations", "stopped_because", "step", "original"}  # the keys of a phase's state
_TELLING = 8  # numbers in a weight that two GANs do not share by chance
_KINDS = {
    WEIGHTS: ("checkpoint", "weights or moments trained on the forgotten images"),
    ARRAYS: ("cached arrays", "perhaps features or statistics of the forgotten images"),
    PICTURE: ("picture", "perhaps samples of the original GAN, or forgotten images"),
    ARCHIVE: ("archive", "perhaps copies of weights or of forgotten images"),
}
_HOLDERS: dict[type, tuple[str, str]] = {
    UnlearningPhase: ("unlearning phase", "it holds the original GAN as teacher, and so does every state of it"),
    Replay: ("replay", "it holds the original GAN"),
    GAN: ("another GAN", "its nets were trained on the forgotten images, unless the phase moved them along"),
}


@dataclass(frozen=True)
class Leftover:
    """Something that derives, or may derive, from forgotten data.

    Attributes:
        where: a file's path, or an object's name.
        what: what it is.
        why: how it derives from the forgotten data.
        certain: whether a near-copy of a forgotten image was found in it.
        original: whether the original GAN was found in it: a phase's state, or weights that it alone has.
    """

    where: str
    what: str
    why: str
    certain: bool = False
    original: bool = False


class _Search:
    """What is looked for: near-copies of images, and weights of the original GAN."""

    def __init__(self, forgotten: Tensor | None, original: Iterable[Tensor]):
        self._copies = None if forgotten is None else NearCopies(forgotten)
        self._weights = [w.detach().cpu() for w in original]

    def copies_in(self, held: Any) -> bool:
        return self._copies is not None and any(self._copies.in_tensor(t) for t in tensors(held))

    def copies_in_picture(self, pixels: Tensor) -> bool:
        return self._copies is not None and self._copies.in_picture(pixels)

    def original_in(self, held: Any) -> bool:
        return _holds_phase(held) or bool(self._weights and any(self._is_original(t) for t in tensors(held)))

    def _is_original(self, tensor: Tensor) -> bool:
        return any(w.shape == tensor.shape and torch.equal(w.to(tensor.dtype), tensor.cpu()) for w in self._weights)


@asks(original=kind("a GAN", GAN), unlearned=kind("a GAN", GAN))
def only_of(original: GAN, unlearned: GAN) -> list[Tensor]:
    """Returns the weights of the original GAN that the unlearned one does not share: what gives the original away.

    Raises:
        UnlearningError: if their weights are not of the same shapes.

    Example:
        >>> gan = GAN(nn.Linear(4, 4), nn.Linear(4, 4), latents=(4,))
        >>> original = gan.teacher()
        >>> with torch.no_grad():
        ...     _ = gan.generator.weight.add_(1)
        >>> [weight.shape for weight in only_of(original, gan)]
        [torch.Size([4, 4])]
    """
    pairs = ((original.generator, unlearned.generator), (original.discriminator, unlearned.discriminator))
    if any([p.shape for p in one.parameters()] != [p.shape for p in other.parameters()] for one, other in pairs):
        raise UnlearningError("The original GAN's weights have other shapes than the unlearned GAN's: is it another's?")
    changed = [
        a.detach()
        for one, other in pairs
        for a, b in zip(one.parameters(), other.parameters(), strict=True)
        if not torch.equal(a.cpu(), b.cpu()) and len(a.unique()) > 1
    ]
    return [w for w in changed if w.numel() >= _TELLING] or changed


@asks(folder=PATH, released=several("names", TEXT), forgotten=maybe(IMAGES), original=TENSORS)
def in_folder(
    folder: Path | str, released: set[str], forgotten: Tensor | None = None, *, original: Iterable[Tensor] = ()
) -> list[Leftover]:
    """Lists the files of a run folder that still derive from forgotten data; nothing is changed.

    Files are known by what they hold, whatever they are called: ``samples.png.bak`` is a picture. Compressed files and
    archives are unpacked in memory, up to 256 MiB for each file in them; pictures inside pages and notebooks are seen.

    Args:
        folder: walked with all folders below.
        released: names of files that are meant to stay, such as ``{"unlearned.pt"}``; they are searched too.
        forgotten: images ``(N, C, H, W)`` to look for in tensors, arrays and pictures; None: files go by their kind.
        original: weights to look for, :func:`only_of` the original GAN.

    Raises:
        UnlearningError: if there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UnlearningError(f"{folder} is no folder: give that of a run.")
    search = _Search(forgotten, original)
    found = [_of_file(path, path.name in released, search) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [leftover for leftover in found if leftover is not None]


def in_objects(
    objects: Mapping[str, Any], gan: GAN, forgotten: Tensor | None = None, *, original: Iterable[Tensor] = ()
) -> list[Leftover]:
    """Lists which of a live script's objects still derive from forgotten data.

    Objects are looked into: a phase and whatever holds one hold the original GAN, a request its images.

    Args:
        objects: by the names that the list shall use, such as ``{"ema": ema_handler, "optimizerD": optimizerD}``.
        gan: the unlearned GAN; its own nets are none.
        forgotten: images ``(N, C, H, W)`` to look for in tensors.
        original: weights to look for, :func:`only_of` the original GAN.

    Example:
        >>> net = nn.Linear(2, 2)
        >>> gan = GAN(nn.Linear(2, 2), net, latents=(2,))
        >>> [left.what for left in in_objects({"old": nn.Linear(2, 2), "D": net, "fakes": [torch.zeros(1)]}, gan)]
        ['weights of another net', 'buffer of 1 tensors']
    """
    search, own = _Search(forgotten, original), Own(gan)
    found = []
    for name, thing in objects.items():
        average = getattr(thing, "ema_model", None)
        thing = average if isinstance(average, nn.Module) else thing
        held = list(holdings(thing, own))
        told = _told(thing, held, is_average=average is not None)
        if told is not None:
            found.append(Leftover(name, *told, search.copies_in(held), search.original_in([thing, *held])))
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


def _of_file(path: Path, released: bool, search: _Search) -> Leftover | None:
    try:
        with open_file(path) as file:
            held = list(parts(file, path.name))
    except OSError:
        held = [Part(ARCHIVE)]
    why = []
    if any(_copy_in(part, search) for part in held):
        why.append("it holds a near-copy of a forgotten image")
    original = any(part.kind in (WEIGHTS, ARRAYS) and search.original_in(part.value) for part in held)
    if original:
        phase = any(_holds_phase(part.value) for part in held)
        why.append("it holds a phase's state, and so the original GAN" if phase else "it holds the original GAN")
    if why:
        return Leftover(str(path), "file", " and ".join(why), certain=why[0].endswith("image"), original=original)
    if released or not held:
        return None
    what, reason = _KINDS[held[0].kind]
    unread = "" if all(part.value is not None for part in held) else "; it could not be read"
    return Leftover(str(path), "page with pictures" if held[0].embedded else what, reason + unread)


def _copy_in(part: Part, search: _Search) -> bool:
    if part.value is None:
        return False
    return search.copies_in_picture(part.value) if part.kind == PICTURE else search.copies_in(part.value)


def _told(thing: Any, held: Sequence[Any], *, is_average: bool) -> tuple[str, str] | None:
    """Returns what an object is and why it derives from forgotten data; None where it does not."""
    if isinstance(thing, torch.optim.Optimizer):
        if not thing.state:
            return None
        return "optimiser's moments", "averages of gradients on the forgotten images, until many steps have passed"
    if not held:
        return None
    if isinstance(thing, nn.Module):
        what = "moving average of weights" if is_average else "weights of another net"
        return what, "trained on the forgotten images, unless the phase moved it along"
    if isinstance(thing, Tensor):
        return "tensor", "perhaps forgotten images, or features of them"
    if Forget in type(thing).__mro__ and thing.describe().images is not None:
        return "request", "it holds the forgotten images"
    known = next((said for kind, said in _HOLDERS.items() if isinstance(thing, kind)), None)
    if known is not None:
        return known
    if any(isinstance(each, torch.utils.data.Dataset) for each in held):
        return "data set", "it may still hold the forgotten images"
    nets = sum(isinstance(each, nn.Module) for each in held)
    if nets:
        return f"holder of {nets} nets", "perhaps the original GAN, or an average of its weights"
    return f"buffer of {len(held)} tensors", "perhaps forgotten images, or samples of the original GAN"


def _holds_phase(value: Any) -> bool:
    if isinstance(value, Mapping):
        return value.keys() >= _PHASE or any(map(_holds_phase, value.values()))
    return isinstance(value, (list, tuple, deque)) and any(map(_holds_phase, value))
