"""Results of audits, kept in a run folder until its record holds them, so that audits that were stopped go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ignite_unlearn.audits import Audit, AuditResult
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.record.weights import weights_sha256
from ignite_unlearn.runs.audit_times import Around, AuditTimes
from ignite_unlearn.runs.provenance import Fingerprint
from ignite_unlearn.utils.files import write_json
from ignite_unlearn.utils.json_files import read_json

_FILE = "audits.checkpoint.json"


@dataclass
class KeptAudits:
    """What was found so far.

    Attributes:
        folder: of the run.
        made_by: everything that the results depend on, but for the GANs; results of another are not taken.
        times: measures what is not taken from here.
    """

    folder: Path
    made_by: Fingerprint
    times: AuditTimes
    _found: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            content = read_json(self._path)
            if not self.made_by.differences(content["made_by"]):
                self._found = {str(key): dict(found) for key, found in content["found"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass  # nothing is lost but time

    @property
    def _path(self) -> Path:
        return self.folder / _FILE

    def kept(self, audit: Audit) -> Audit:
        """Returns an audit whose results are kept, and taken from what is kept."""
        return _Kept(audit, self)

    def clear(self, keys: Collection[str]) -> None:
        """Forgets the results of audits that the record holds now; without any left, the file is deleted."""
        self._found = {name: found for name, found in self._found.items() if name.partition(" ")[0] not in keys}
        if self._found:
            self._write()
        else:
            self._path.unlink(missing_ok=True)

    def take(self, key: str) -> AuditResult | None:
        """Returns a result that is kept; None where there is none."""
        try:
            return AuditResult(**self._found[key])
        except (KeyError, TypeError):
            return None

    def add(self, key: str, result: AuditResult) -> None:
        """Keeps a result."""
        self._found[key] = result.as_dict()
        self._write()

    def _write(self) -> None:
        write_json(self._path, {"made_by": self.made_by.as_note(), "found": self._found})


@dataclass(frozen=True)
class _Kept(Around):
    kept: KeptAudits

    def __call__(self, gan: GAN, *, retrained: AuditResult | None = None) -> AuditResult:
        key = f"{self.key} {weights_sha256(gan)} {_sha256(None if retrained is None else retrained.as_dict())}"
        found = self.kept.take(key)
        if found is None:
            with self.kept.times.timing(self.key):
                found = self.audit(gan, retrained=retrained)
            self.kept.add(key, found)
        return found


def _sha256(content: Mapping[str, Any] | None) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
