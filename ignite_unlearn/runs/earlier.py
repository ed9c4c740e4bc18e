"""The requests that came before a run's own, which it holds down too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.record.keys import KEY_FILE, read_key, write_key
from ignite_unlearn.record.ledger import Entry, earlier_rows, read_entries, write_entries


@dataclass(frozen=True)
class Earlier:
    """What a model has forgotten already.

    Attributes:
        entries: the requests, oldest first; none: the run's own is the first.
        key: of their hashes.
        folder: of the run that carried out the last of them, where its weights are; None: the run's own folder holds
            them as its original already.
    """

    entries: tuple[Entry, ...] = ()
    key: bytes = b""
    folder: Path | None = None

    @classmethod
    def in_folder(cls, folder: Path) -> Earlier:
        """Returns what the ledger of a run folder says.

        Raises:
            UnlearningError: if it cannot be read.
        """
        entries = read_entries(folder)
        return cls(entries, read_key(folder)) if entries else cls()

    @property
    def classes(self) -> tuple[int, ...]:
        """All classes forgotten so far."""
        return tuple(sorted({c for entry in self.entries for c in entry.classes}))

    def rows(self, images: Tensor, labels: Tensor) -> Tensor:
        """Returns a bool mask ``(N,)``: True for training images of earlier requests."""
        return earlier_rows(self.entries, self.key, images, labels)

    def refuse_other_key(self, folder: Path) -> None:
        """Refuses the folder of a run that has another key, with which the ledger says nothing.

        Raises:
            UnlearningError: if it has one.
        """
        if self.entries and (folder / KEY_FILE).exists() and read_key(folder) != self.key:
            raise UnlearningError(
                f"{folder} has a {KEY_FILE} of its own, from a run without --after: give another --out."
            )

    def write(self, folder: Path) -> None:
        """Writes ledger and key into the folder of a run; without entries, a ledger that lies there is deleted."""
        if self.entries:
            write_key(folder, self.key)
        write_entries(folder, self.entries)
