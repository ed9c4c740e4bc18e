"""What an erasure record says, as data: the content of ``record.json``."""

from __future__ import annotations

import importlib.metadata
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.record.figures import PROMISED, figures_in
from ignite_unlearn.record.form import misfit_of_record
from ignite_unlearn.record.phase_facts import Bound, RowsMet, read_bound, read_rows_met
from ignite_unlearn.record.verdict import Verdict, verdict_on
from ignite_unlearn.utils import json_files
from ignite_unlearn.utils.printable import encodable

SCHEMA = "ignite_unlearn/record/1"
GANS = ("original", "unlearned", "retrained")
REQUEST = ("id", "asked_by", "run_by")
_SPENT = ("original", "unlearning", "retraining", "inversion")


@dataclass(frozen=True)
class Record:
    """Everything that ``record.json`` holds; it never holds an image of the forget set.

    Attributes:
        recipe: name of the recipe, or of the user's script.
        seed: of the run.
        device: ``"cpu"`` or the GPU's name.
        data: ``name``, ``train`` and ``unseen`` (numbers of images), ``sha256``.
        forget: ``kind`` (``"classes"`` or ``"items"``), ``classes`` and their ``names``, ``count``, and ``hmac_sha256``
            of the forgotten images: a keyed hash, which confirms nothing to anybody without the key. All of it with
            earlier requests, of which there were ``earlier_requests``.
        method: ``name``, ``substitution``, ``fake_label``, ``options``; of a user's own recipe also
            ``recipe_from``, the name of its file or module.
        seconds: wall-clock of ``original``, ``unlearning``, ``retraining``, ``inversion``; None where unknown.
        iterations: of the same.
        metrics: for each of the three GANs a dict of numbers, or None; metrics that were not measured become null. An
            interval of ``name`` is ``name_low`` and ``name_high``.
        feature_extractor: ``name``, ``sha256`` and ``samples``: what FID and KID were measured with.
        stopped_because: why the phase ended.
        limits: what the record does not show.
        audits: for each GAN the results of ``ignite_unlearn.audits``, as dicts.
        scores: for each GAN a histogram of the discriminator's scores: ``edges``, and counts by kind of image.
        curves: numbers over the phase: ``{name: {"iteration": [...], "value": [...]}}``.
        bounds: what the phase was asked to reach.
        found: what of the request the phase's batches held.
        created: when it was written, UTC, ISO 8601.
        request: ``id``, ``asked_by`` and ``run_by``, as far as the user gave them.
        weights_sha256: of the weights to release: their types, shapes and values; see
            :func:`~ignite_unlearn.record.weights.weights_sha256`.
        generator_sha256: of the generator alone among them, for where the discriminator is left out.
        files: SHA-256 of the files beside the record, as they were when the run ended.
        versions: of Python and of the packages that a result depends on.
    """

    recipe: str
    seed: int
    device: str
    data: Mapping[str, Any]
    forget: Mapping[str, Any]
    method: Mapping[str, Any]
    seconds: Mapping[str, float | None]
    iterations: Mapping[str, int | None]
    metrics: Mapping[str, Mapping[str, Any] | None]
    feature_extractor: Mapping[str, Any]
    stopped_because: str
    limits: Sequence[str]
    audits: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)
    curves: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)
    bounds: Sequence[Bound] = ()
    found: RowsMet = field(default_factory=RowsMet)
    created: str = field(default_factory=lambda: now())
    request: Mapping[str, str | None] = field(default_factory=dict)
    weights_sha256: str | None = None
    generator_sha256: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=lambda: versions())

    @property
    def verdict(self) -> Verdict:
        """Whether it was forgotten, as far as that was tested."""
        return verdict_on(self)

    @property
    def speedup(self) -> float | None:
        """Retraining seconds over the seconds of unlearning and all that it needed; None without retraining."""
        retraining = self.seconds.get("retraining")
        spent = (self.seconds.get("unlearning") or 0) + (self.seconds.get("inversion") or 0)
        return retraining / spent if retraining and spent else None

    @property
    def forgotten(self) -> str:
        """What was forgotten, in words."""
        count, earlier = self.forget.get("count"), self.forget.get("earlier_requests")
        if earlier:
            alone = replace(self, forget={**self.forget, "earlier_requests": 0})
            return f"{alone.forgotten}, those of {earlier} earlier requests among them"
        if self.forget["kind"] == "classes":
            named = ", ".join(map(str, self.forget.get("names") or self.forget.get("classes") or ()))
            images = "" if count is None else f" ({count} training images)"
            return f"class {named}{images}"
        return str(self.forget["kind"]) if count is None else f"{count} {self.forget['kind']}"

    def as_dict(self) -> dict[str, Any]:
        """Returns the content of ``record.json`` but for the hash of the page."""
        content = asdict(self)
        extractor = content.pop("feature_extractor")
        content["metrics"] = {
            gan: None
            if (numbers := self.metrics.get(gan)) is None
            else {**dict.fromkeys(PROMISED), **numbers, "feature_extractor": dict(extractor)}
            for gan in GANS
        }
        content["seconds"] = {name: self.seconds.get(name) for name in _SPENT}
        content["iterations"] = {name: self.iterations.get(name) for name in _SPENT}
        content["request"] = {name: self.request.get(name) for name in REQUEST}
        content["bounds"] = [bound.as_dict() for bound in self.bounds]
        verdict = self.verdict
        first = {"schema": SCHEMA, "verdict": verdict.value, "reasons": verdict.reasons}
        return _plain({**first, **content, "speedup": self.speedup})

    @classmethod
    def read(cls, folder: Path) -> Record:
        """Reads ``record.json`` of a folder.

        Raises:
            UnlearningError: if there is none, or it is none of ours.
        """
        content = read_json(folder)
        # null is what a part holds of which nothing was known.
        known = {f.name: content[f.name] for f in fields(cls) if content.get(f.name) is not None}
        metrics = {gan: dict(numbers) if numbers else None for gan, numbers in content["metrics"].items()}
        extractors = [numbers.pop("feature_extractor", None) or {} for numbers in metrics.values() if numbers]
        parts = {
            "metrics": metrics,
            "bounds": tuple(map(read_bound, known.get("bounds", ()))),
            "found": read_rows_met(known.get("found", {})),
            "feature_extractor": extractors[0] if extractors else {},
        }
        return cls(**{"created": "", **known, **parts})

    def table(self) -> list[list[str]]:
        """Returns the numbers side by side, as rows of text with a header."""
        every = {gan: self.metrics.get(gan) or {} for gan in GANS}
        gans = {gan: numbers for gan, numbers in every.items() if any(value is not None for value in numbers.values())}
        seconds = {"original": "original", "unlearned": "unlearning", "retrained": "retraining"}
        # A script that measured nothing has spent time all the same.
        gans = gans or {gan: {} for gan in GANS if self.seconds.get(seconds[gan]) is not None}
        rows = [["", *gans]]
        rows += [
            [figure.name, *(figure.cell(numbers) for numbers in gans.values())] for figure in figures_in(gans.values())
        ]
        spent = [self.seconds.get(seconds[gan]) for gan in gans]
        rows.append(["seconds", *("-" if value is None else f"{value:.2f}" for value in spent)])
        return rows


def read_json(folder: Path) -> dict[str, Any]:
    """Returns the content of ``record.json`` of a folder.

    Raises:
        UnlearningError: if there is none, or it is none of ours.
    """
    path = folder / "record.json"
    try:
        content = json_files.read_json(path)
    except FileNotFoundError:
        raise UnlearningError(f"{folder} holds no record.json: give the folder of a finished run.") from None
    except (OSError, ValueError) as error:
        raise UnlearningError(f"{path} cannot be read ({error}): run again, or give another folder.") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise UnlearningError(f"{path} is no erasure record of schema {SCHEMA}: give the folder of a finished run.")
    wrong = misfit_of_record(content)
    if wrong is not None:
        raise UnlearningError(
            f"{path} is no erasure record of schema {SCHEMA} ({wrong}): run again, or put the run's own file back."
        )
    return content


def now() -> str:
    """Returns the present date and time, UTC, ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that a result depends on."""
    packages = ("ignite-unlearn", "torch", "torchvision", "pytorch-ignite", "clean-fid", "scipy", "numpy")
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _plain(value: Any) -> Any:
    """Returns JSON's types only; a number that is not finite becomes null."""
    if isinstance(value, Mapping):
        return {encodable(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return encodable(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
