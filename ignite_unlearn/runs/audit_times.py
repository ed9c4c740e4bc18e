"""How long the audits of a run folder take: measured, noted in the folder, and never guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from ignite_unlearn.audits import Audit, AuditResult
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.runs.provenance import add_note, read_note
from ignite_unlearn.utils.clock import duration, wall_clock
from ignite_unlearn.utils.json_files import ByName, misfit

_NAME = "audits"  # of the note
_NOTE = {"device": str, "took": ByName(float)}


class AuditTimes:
    """Seconds that each audit takes for a GAN: as measured now, or else as noted by earlier audits of the folder.

    Args:
        folder: of the run.
        device: where the audits are made; what they took on another says nothing.

    Example:
        >>> import tempfile
        >>> times = AuditTimes(Path(tempfile.mkdtemp()), "cpu")
        >>> times.left(["recovery"])
        'recovery (not timed here yet)'
        >>> with times.timing("recovery"):
        ...     pass
        >>> times.left(["recovery", "relearning"])
        'less than a second and relearning (not timed here yet)'
    """

    def __init__(self, folder: Path, device: str):
        self._folder, self._device = folder, device
        note = read_note(folder, _NAME)
        fits = note is not None and misfit(note, _NOTE) is None and note["device"] == device
        self._before: dict[str, float] = dict(note["took"]) if note is not None and fits else {}
        self._now: dict[str, list[float]] = {}

    @contextmanager
    def timing(self, key: str) -> Iterator[None]:
        """Measures how long an audit of one GAN takes, unless it raises."""
        start = wall_clock()
        yield
        self._now.setdefault(key, []).append(wall_clock() - start)

    def of(self, key: str) -> float | None:
        """Returns the seconds that an audit takes for a GAN; None where nobody knows."""
        return fmean(self._now[key]) if key in self._now else self._before.get(key)

    def left(self, keys: Sequence[str]) -> str:
        """Returns how long audits take, in words, and which of them nobody has timed.

        Args:
            keys: of the audits, each as often as there are GANs that it is to be made of.
        """
        known = [seconds for seconds in map(self.of, keys) if seconds is not None]
        never = list(dict.fromkeys(key for key in keys if self.of(key) is None))
        untimed = f"{', '.join(never)} (not timed here yet)" if never else ""
        return " and ".join(part for part in (duration(sum(known)) if known else "", untimed) if part) or "nothing"

    def note(self) -> None:
        """Writes into the folder what was measured, for the next audits of it."""
        took = {**self._before, **{key: fmean(seconds) for key, seconds in self._now.items()}}
        if self._now:
            add_note(self._folder, _NAME, {"device": self._device, "took": took})


@dataclass(frozen=True)
class Around:
    """What stands around an audit and is called as it is.

    Attributes:
        audit: the audit.
    """

    audit: Audit

    @property
    def key(self) -> str:
        """The audit's key."""
        return self.audit.key

    @property
    def title(self) -> str:
        """The audit's title."""
        return self.audit.title


@dataclass(frozen=True)
class Followed(Around):
    """An audit that says when it was made.

    Attributes:
        done: called after each call, whatever comes out of it.
    """

    done: Callable[[], object]

    def __call__(self, gan: GAN, *, retrained: AuditResult | None = None) -> AuditResult:
        """Audits a GAN."""
        try:
            return self.audit(gan, retrained=retrained)
        finally:
            self.done()
