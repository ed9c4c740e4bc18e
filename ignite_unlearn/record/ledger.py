"""The requests that a model has carried out, one after the other: what a later phase must hold down too.

The ledger lies beside the model, in ``ledger.json``. It names classes by number, and images by keyed hashes alone:
whoever holds the ledger without the key learns nothing, and whoever holds both can recognise an image, but not see it.
Each entry holds the hash of the one before, so that a slip or a change before the last one is seen; no key guards it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.description import Description
from ignite_unlearn.forget.examples import Examples
from ignite_unlearn.forget.forget import Forget, LatentRegions
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.record.folder import file_sha256
from ignite_unlearn.record.keys import keyed_sha256, make_key
from ignite_unlearn.record.record import Record
from ignite_unlearn.record.weights import file_weights_sha256
from ignite_unlearn.utils.asked import PATH, asks
from ignite_unlearn.utils.files import write_json
from ignite_unlearn.utils.json_files import ByName, Form, ListOf, misfit, read_json

FILE = "ledger.json"
SCHEMA = "ignite_unlearn/ledger/1"
_ENTRY: Form = {
    "kind": str, "classes": ListOf(int), "items": ListOf(str), "created": str, "request": ByName((str, None)),
    "verdict": str, "record_sha256": str, "weights_sha256": (str, None), "previous": str,
}  # fmt: skip
_FORM: Form = {"schema": str, "entries": ListOf(_ENTRY)}


@dataclass(frozen=True)
class Entry:
    """A request that was carried out.

    Attributes:
        kind: ``"classes"``, ``"items"``, or a word of the request's own.
        classes: the forgotten classes.
        items: the keyed hash of each forgotten image.
        created: when its record was written, UTC, ISO 8601.
        request: ``id``, ``asked_by`` and ``run_by``, as the record has them.
        verdict: of its record.
        record_sha256: of its ``record.json``.
        weights_sha256: of the weights that it left; None where the record does not know them.
        previous: hash of the entry before; empty for the first.
    """

    kind: str
    classes: tuple[int, ...]
    items: tuple[str, ...]
    created: str
    request: Mapping[str, str | None]
    verdict: str
    record_sha256: str
    weights_sha256: str | None
    previous: str = ""

    @property
    def sha256(self) -> str:
        """The hash of all that it says."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


class Ledger:
    """The requests so far, and the next one's part in holding them down.

    ``with_earlier(forget)`` is what a phase is given: rows of all requests are replaced in its batches, and no
    forgotten class is taken for a retained one. Images of earlier requests are recognised by their keyed hashes; where
    you still hold them, ``ForgetItems.add`` has the phase hold their scores down too.

    Args:
        folder: of the model; it is made where it is missing, with a key, ``forget.key``, that stays with you.

    Attributes:
        entries: the requests, oldest first.

    Raises:
        UnlearningError: if the folder cannot be written, or holds a ledger that cannot be read.

    Example:
        >>> import tempfile, torch
        >>> from ignite_unlearn import ForgetClasses
        >>> ledger = Ledger(Path(tempfile.mkdtemp()))
        >>> len(ledger.entries), ledger.with_earlier(ForgetClasses({7})).describe().classes
        (0, (7,))
    """

    @asks(folder=PATH)
    def __init__(self, folder: Path | str):
        self.folder = Path(folder)
        self._key = make_key(self.folder)
        self.entries = read_entries(self.folder)

    @property
    def classes(self) -> tuple[int, ...]:
        """All forgotten classes."""
        return tuple(sorted({c for entry in self.entries for c in entry.classes}))

    def rows(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """Returns a bool mask ``(N,)``: True for rows of a request so far.

        Args:
            images: ``(N, ...)``.
            labels: their classes ``(N,)``; None: rows of forgotten classes are not found.
        """
        return earlier_rows(self.entries, self._key, images, labels)

    def with_earlier(self, forget: Forget) -> Forget:
        """Returns a request for a phase: this one, and all earlier ones.

        Args:
            forget: the new request.
        """
        if not self.entries:
            return forget
        return _WithEarlier(forget.together_with(self.classes), self)

    def enter(self, record: Path | str, forget: Forget) -> Entry:
        """Enters a request that was carried out, and writes the ledger.

        Args:
            record: folder of its erasure record.
            forget: the request; what is in the ledger already counts as entered.

        Raises:
            UnlearningError: if there is no record, or it is in the ledger already.
        """
        told = forget.describe()
        entry = entry_of(Path(record), self.entries, self._key, told.images)
        if any(entry.record_sha256 == other.record_sha256 for other in self.entries):
            raise UnlearningError(
                f"The record in {record} is in the ledger already: give the folder of the new record."
            )
        entries = (*self.entries, entry)
        write_entries(self.folder, entries)  # where that fails it can be tried again
        self.entries = entries
        return entry


def entry_of(folder: Path, earlier: Sequence[Entry], key: bytes, images: Tensor | None) -> Entry:
    """Returns the entry of a request, by its record.

    Args:
        folder: of the record.
        earlier: what was forgotten before, which is not entered again.
        key: of the hashes.
        images: that were forgotten, for a request for items; None: it names classes.

    Raises:
        UnlearningError: if there is no record.
    """
    record = Record.read(folder)
    known = {name for entry in earlier for name in (*entry.items, *entry.classes)}
    items = () if record.forget["kind"] != "items" or images is None else tuple(_hashes(key, images))
    return Entry(
        kind=str(record.forget["kind"]),
        classes=tuple(c for c in record.forget.get("classes") or () if c not in known),
        items=tuple(item for item in dict.fromkeys(items) if item not in known),
        created=record.created,
        request=dict(record.request),
        verdict=record.verdict.value,
        record_sha256=file_sha256(folder / "record.json"),
        weights_sha256=record.weights_sha256,
        previous=earlier[-1].sha256 if earlier else "",
    )


def earlier_rows(entries: Sequence[Entry], key: bytes, images: Tensor, labels: Tensor | None) -> Tensor:
    """Returns a bool mask ``(N,)``: True for rows that an entry names, as :meth:`ignite_unlearn.Ledger.rows` does."""
    found = torch.zeros(len(images), dtype=torch.bool, device=images.device)
    items = {item for entry in entries for item in entry.items}
    if items:
        found |= torch.tensor([name in items for name in _hashes(key, images)], dtype=torch.bool).to(found.device)
    classes = [c for entry in entries for c in entry.classes]
    if classes and labels is not None:
        found |= torch.isin(labels, torch.tensor(classes, device=labels.device)).to(found.device)
    return found


def read_entries(folder: Path) -> tuple[Entry, ...]:
    """Returns the entries of a folder's ledger; none where there is none.

    Raises:
        UnlearningError: if it cannot be read, or an entry before the last was changed or taken out.
    """
    path = folder / FILE
    if not path.exists():
        return ()
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise UnlearningError(f"{path} cannot be read ({error}): put the ledger back that was there.") from error
    wrong = misfit(content, _FORM) or ("" if content["schema"] == SCHEMA else "it is of another schema")
    if wrong:
        raise UnlearningError(f"{path} is no ledger of schema {SCHEMA} ({wrong}): put the one back that was there.")
    known = [{one.name: entry[one.name] for one in fields(Entry)} for entry in content["entries"]]
    entries = tuple(Entry(**{**e, "classes": tuple(e["classes"]), "items": tuple(e["items"])}) for e in known)
    for number, (before, entry) in enumerate(pairwise((None, *entries)), 1):
        if entry is not None and entry.previous != ("" if before is None else before.sha256):
            raise UnlearningError(
                f"{path} was changed: its entry {number} does not follow the one before. Put the ledger back that was "
                "there."
            )
    return entries


def write_entries(folder: Path, entries: Sequence[Entry]) -> None:
    """Writes a folder's ledger; deletes it where there are no entries.

    Raises:
        UnlearningError: if it cannot be written.
    """
    if entries:
        write_json(folder / FILE, {"schema": SCHEMA, "entries": [asdict(entry) for entry in entries]})
    else:
        (folder / FILE).unlink(missing_ok=True)


def verify_ledger(folder: Path) -> list[tuple[str, str]]:
    """Returns what is found of a run folder's ledger, as :func:`~ignite_unlearn.record.folder.verify` says it.

    Its entries must follow each other, and the original of the run must be what the last of them left; without a
    ledger there is nothing to find.
    """
    try:
        entries = read_entries(folder)
    except UnlearningError as error:
        return [(FILE, str(error))]
    original = folder / "original.pt"
    if not entries or entries[-1].weights_sha256 is None or not original.is_file():
        return []
    left = file_weights_sha256(original) == entries[-1].weights_sha256
    return [("original.pt, left by the request before", "as recorded" if left else "changed")]


class _WithEarlier(Forget):
    """A request whose rows are those of earlier requests too."""

    def __init__(self, forget: Forget, ledger: Ledger):
        self._forget, self._ledger = forget, ledger

    def __repr__(self) -> str:
        return f"{type(self._forget).__name__} of {self.describe()}, and of what {self._ledger.folder} holds"

    def rows(self, images: Tensor, labels: Tensor | None) -> Tensor:
        mask = self._forget.rows(images, labels)
        return mask | self._ledger.rows(images, labels).to(mask.device)

    def regions(self, teacher: GAN) -> LatentRegions:
        return self._forget.regions(teacher)

    def describe(self) -> Description:
        return self._forget.describe()

    def examples(self, n: int) -> Examples | None:
        return self._forget.examples(n)

    def find(self, images: Tensor) -> Tensor:
        return self._forget.find(images)

    def replacement_labels(self, images: Tensor, labels: Tensor | None) -> Tensor | None:
        return self._forget.replacement_labels(images, labels)

    def together_with(self, classes: Iterable[int]) -> Forget:
        return _WithEarlier(self._forget.together_with(classes), self._ledger)

    def compared_with(self, unseen: Tensor) -> Forget:
        return _WithEarlier(self._forget.compared_with(unseen), self._ledger)

    def trial(self, n: int) -> Forget:
        return _WithEarlier(self._forget.trial(n), self._ledger)


def _hashes(key: bytes, images: Tensor) -> list[str]:
    # In one type of numbers: a loop may hold its batches in another than the request was made in.
    return [keyed_sha256(key, image[None]) for image in images.detach().cpu().float()]
