"""Where files of weights come from: notes beside them, fingerprints of how they were made, hashes of what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from torch import Tensor, nn

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.utils.files import read_weights, write_json
from ignite_unlearn.utils.hashing import tensors_sha256
from ignite_unlearn.utils.json_files import ByName, misfit, read_json
from ignite_unlearn.utils.printable import printable

Form: TypeAlias = Mapping[str, Mapping[str, str]]  # by net and tensor: its type and shape
_NOTES = "stages.json"
_NOTE = {"sha256?": str, "seconds?": float, "iterations?": int, "fingerprint?": ByName(Any)}
_SHOWN = 100  # signs of a value in a sentence
VERSION = 2  # of fingerprints; those without one are older, and lack what this one says of kinds of nets and training
_SINCE_2 = ("version", "nets", "training")


def read_notes(folder: Path) -> dict[str, Any]:
    """Returns the notes of a run folder by the files' names; none where there are none, or they cannot be read."""
    try:
        notes = read_json(folder / _NOTES)
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}


def read_note(folder: Path, name: str) -> dict[str, Any] | None:
    """Returns the note of the file ``name.pt``; None where there is none, or something else."""
    note = read_notes(folder).get(name)
    return note if misfit(note, _NOTE) is None else None


def add_note(folder: Path, name: str, note: Mapping[str, Any]) -> None:
    """Writes down how a file of weights in a run folder was made."""
    write_json(folder / _NOTES, {**read_notes(folder), name: dict(note)})


def take_note_back(folder: Path, name: str, before: Mapping[str, Any] | None) -> None:
    """Puts the note ``before`` in place of a later one, of a file that could not be written; None: there was none."""
    notes = {**read_notes(folder), name: before}
    left = {other: note for other, note in notes.items() if note is not None}
    if left:
        write_json(folder / _NOTES, left)
    else:
        (folder / _NOTES).unlink(missing_ok=True)


@dataclass(frozen=True)
class Fingerprint:
    """Everything that decides what comes out of a training, or of a run.

    Attributes:
        content: names and values.
        before: what was done before there was a setting of that name; None, or no such name: it cannot be known.
    """

    content: Mapping[str, Any]
    before: Mapping[str, Any] = field(default_factory=dict)

    def differences(self, noted: Any) -> list[str]:
        """Returns in what a note differs, each in words; none where it says the same.

        An older note may lack a setting that there was not yet: it then counts as what was done without it. Classes
        are compared whatever their order.

        Example:
            >>> asked = Fingerprint({"seed": 1, "augment": "none", "classes": (4, 1)}, {"augment": "none"})
            >>> asked.differences({"seed": 1, "classes": [1, 4]}), asked.differences({"seed": 0, "classes": [1, 4]})
            ([], ['seed=0 (now 1)'])
        """
        if not isinstance(noted, Mapping):
            return ["an unreadable note"]
        older = "version" not in noted
        asked = {key: value for key, value in self.content.items() if not (older and key in _SINCE_2)}
        found = []
        for key in dict.fromkeys([*asked, *noted]):
            old, new = (self._value(key, content) for content in (noted, asked))
            if old != new:
                was, now = (f"{key}={value}" if value is not None else f"no {key}" for value in (old, new))
                now = now if new is None or old is None else str(new)
                found.append(f"{printable(was, at_most=_SHOWN)} (now {printable(now, at_most=_SHOWN)})")
        return found

    def as_note(self) -> dict[str, Any]:
        """Returns the content as JSON has it."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in self.content.items()}

    def _value(self, key: str, content: Mapping[str, Any]) -> Any:
        value = content.get(key, self.before.get(key))
        if isinstance(value, (tuple, list)):
            return sorted(value, key=str) if key == "classes" else list(value)
        return value


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


def made_alike_beside(folder: Path, name: str, fingerprint: Fingerprint, form: Form) -> Beside:
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
        if not fingerprint.differences(note["fingerprint"]):
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
