"""Files of weights with notes of their hashes: what is read is what was written, or it is said that it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from torch import Tensor, nn

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.utils.files import read_weights
from ignite_unlearn.utils.hashing import tensors_sha256
from ignite_unlearn.runs.fingerprint import differences
from ignite_unlearn.runs.notes import read_note

Form: TypeAlias = Mapping[str, Mapping[str, str]]  # by net and tensor: its type and shape


def form_of(nets: Mapping[str, Any]) -> Form | None:
    """Returns the types and shapes of nets' tensors, by the nets' names; None where that is not what is there.

    Args:
        nets: by their names, modules or their state dicts.

    Example:
        >>> form_of({"net": nn.Linear(2, 1, bias=False)})
        {'net': {'weight': 'torch.float32 (1, 2)'}}
    """
    form = {}
    for name, net in nets.items():
        state = net.state_dict() if isinstance(net, nn.Module) else net
        if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
            return None
        form[name] = {key: f"{tensor.dtype} {tuple(tensor.shape)}" for key, tensor in state.items()}
    return form


def nets_sha256(state: Mapping[str, Any]) -> str | None:
    """Returns the hash of all tensors of nets' states, whatever their names; None where other things are among them."""
    if form_of(state) is None:
        return None
    return tensors_sha256(*(tensor for net in state.values() for tensor in net.values()))


def read_noted(folder: Path, name: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Returns what ``name.pt`` in a run folder holds, and its note; None where nothing was noted.

    Raises:
        UnlearningError: if the file is missing, unreadable, or not the one that the note is about.
    """
    path, note = folder / f"{name}.pt", read_note(folder, name)
    state = read_weights(path)
    if note is None:
        return state, None
    found, noted = nets_sha256(state), note.get("sha256")
    if found != noted:
        raise UnlearningError(
            f"{path} is not the file that was made here: its weights have the SHA-256 {str(found)[:12]}..., and "
            f"{folder / 'stages.json'} notes {str(noted)[:12]}.... Put the noted file back, delete it to have it made "
            "again, or use weights of your own in another folder."
        )
    return state, note


@dataclass(frozen=True)
class Beside:
    """What lies in the folders beside one.

    Attributes:
        folder: holds a file that was made in the same way; None: none does.
        passed_over: what is wrong with files that by their notes were; a sentence each.
    """

    folder: Path | None
    passed_over: tuple[str, ...] = ()


def look_beside(folder: Path, name: str, fingerprint: Mapping[str, Any], form: Form) -> Beside:
    """Looks in the folders beside ``folder`` for a ``name.pt`` that was made in the same way and is as it was made.

    Args:
        folder: that has no such file itself, or nothing is looked for.
        name: of the file.
        fingerprint: how it must have been made.
        form: of the nets that it must fit.
    """
    if (folder / f"{name}.pt").exists() or not folder.parent.is_dir():
        return Beside(None)
    passed_over: list[str] = []
    for other in sorted(folder.parent.iterdir()):
        note, path = read_note(other, name), other / f"{name}.pt"
        if note is None or not path.exists() or not isinstance(note.get("fingerprint"), dict):
            continue
        if not differences(note["fingerprint"], fingerprint):
            wrong = _wrong(other, name, form)
            if wrong is None:
                return Beside(other, tuple(passed_over))
            passed_over.append(f"{path} is passed over: {wrong}.")
    return Beside(None, tuple(passed_over))


def _wrong(folder: Path, name: str, form: Form) -> str | None:
    try:
        state, _ = read_noted(folder, name)
    except UnlearningError:
        return "it is not what was noted when it was made"
    return None if form_of(state) == form else "it is of other nets"
