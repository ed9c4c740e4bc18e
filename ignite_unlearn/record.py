"""The erasure record: what was forgotten, how well, how fast against retraining, and what is not guaranteed."""

from __future__ import annotations

import base64
import html
import importlib.metadata
import io
import json
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from ignite_unlearn.files import write_json, write_whole

SCHEMA = "ignite_unlearn/record/1"
METRICS = (
    "fid", "kid", "ret_fid", "forgotten_share", "pul", "membership_auc", "membership_auc_low", "membership_auc_high",
    "reconstruction_error", "downstream_accuracy", "relearn_iterations", "recovery_share",
)  # fmt: skip
GANS = ("original", "unlearned", "retrained")
_SHOWN = {
    "fid": "FID, retained classes",
    "kid": "KID, retained classes",
    "ret_fid": "FID to the retrained GAN",
    "forgotten_share": "forgotten share",
    "retained_accuracy": "accuracy of the other classes",
    "membership_auc": "membership AUC, items",
    "membership_auc_later": "the same, learning on",
    "retained_auc": "membership AUC, retained",
    "retained_auc_later": "the same, learning on",
    "probe_auc": "probe of features, items",
    "reconstruction_error": "reconstruction error",
}


@dataclass(frozen=True)
class ErasureRecord:
    """Everything that ``record.json`` holds; it never holds an image of the forget set.

    Attributes:
        recipe: name of the recipe, or of the user's script.
        seed: of the run.
        device: ``"cpu"`` or the GPU's name.
        data: ``name``, ``train`` and ``unseen`` (numbers of images), ``sha256``.
        forget: ``kind`` (``"classes"`` or ``"items"``), ``classes``, ``count``, ``sha256`` of the forgotten images.
        method: ``name``, ``substitution``, ``fake_label``, ``options``.
        seconds: wall-clock of ``original``, ``unlearning``, ``retraining``, ``inversion``; None where unknown.
        iterations: of the same.
        metrics: for each of the three GANs a dict of numbers, or None; metrics that were not measured become null.
        feature_extractor: ``name``, ``sha256`` and ``samples``: what FID and KID were measured with.
        stopped_because: why the phase ended.
        limits: what the record does not show.
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

    @property
    def speedup(self) -> float | None:
        """Retraining seconds over the seconds of unlearning and all that it needed; None without retraining."""
        retraining = self.seconds.get("retraining")
        spent = (self.seconds.get("unlearning") or 0) + (self.seconds.get("inversion") or 0)
        return retraining / spent if retraining and spent else None

    def as_dict(self) -> dict[str, Any]:
        """Returns the content of ``record.json``."""
        content = asdict(self)
        extractor = content.pop("feature_extractor")
        content["metrics"] = {
            gan: None
            if (found := self.metrics.get(gan)) is None
            else {**dict.fromkeys(METRICS), **found, "feature_extractor": dict(extractor)}
            for gan in GANS
        }
        names = ("original", "unlearning", "retraining", "inversion")
        content["seconds"] = {name: self.seconds.get(name) for name in names}
        content["iterations"] = {name: self.iterations.get(name) for name in names}
        content["limits"] = list(self.limits)
        return _plain({"schema": SCHEMA, **content, "versions": versions(), "speedup": self.speedup})

    def table(self) -> list[list[str]]:
        """Returns the numbers side by side, as rows of text with a header."""
        rows = [["", *(gan for gan in GANS if self.metrics.get(gan))]]
        for name, title in _SHOWN.items():
            values = [found.get(name) for gan in GANS if (found := self.metrics.get(gan))]
            if any(value is not None for value in values):
                rows.append([title, *("-" if value is None else f"{value:.4g}" for value in values)])
        seconds = {"original": "original", "unlearned": "unlearning", "retrained": "retraining"}
        spent = [self.seconds.get(seconds[gan]) for gan in GANS if self.metrics.get(gan)]
        rows.append(["seconds", *("-" if value is None else f"{value:.2f}" for value in spent)])
        return rows

    def write(self, folder: Path, picture: Image.Image | None = None) -> None:
        """Writes ``record.json`` and ``record.html`` into a folder.

        Args:
            folder: where to.
            picture: shown in the HTML; it must not show what was forgotten.

        Raises:
            UnlearningError: if a file cannot be written.
        """
        content = self.as_dict()
        page = _page(self, content, picture)
        write_json(folder / "record.json", content)
        write_whole(folder / "record.html", lambda part: part.write_text(page, encoding="utf-8"))


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
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.3rem .8rem;border-bottom:1px solid #ddd;text-align:right}
td:first-child,th:first-child{text-align:left}code,pre{font-size:.85rem;white-space:pre-wrap;word-break:break-all}
img{max-width:100%;image-rendering:pixelated}"""


def _page(record: ErasureRecord, content: Mapping[str, Any], picture: Image.Image | None) -> str:
    rows = record.table()
    cells = ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows[1:]]
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in rows[0])
    classes = ", ".join(map(str, record.forget.get("classes") or ()))
    what = f"class {classes}" if record.forget["kind"] == "classes" else f"{record.forget['count']} items"
    speed = "" if record.speedup is None else f" That is {record.speedup:.0f} times less than retraining took."
    image = ""
    if picture is not None:
        stream = io.BytesIO()
        picture.save(stream, format="PNG")
        image = (
            "<h2>The same latents</h2><p>What was forgotten is not shown in this record.</p>"
            f'<img alt="generated images" src="data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}">'
        )
    limits = "".join(f"<li>{html.escape(limit)}</li>" for limit in record.limits)
    extractor = record.feature_extractor
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Erasure record: {html.escape(record.recipe)}</title>
<style>{_STYLE}</style></head><body>
<h1>Erasure record</h1>
<p><b>{html.escape(record.recipe)}</b>, seed {record.seed}, on {html.escape(record.device)}: {html.escape(what)} of
{html.escape(str(record.data["name"]))} forgotten ({record.forget["count"]} training images).
Unlearning took {record.seconds.get("unlearning") or 0:.2f} seconds.{speed}
It stopped because: {html.escape(record.stopped_because)}.</p>
<table><thead><tr>{head}</tr></thead><tbody>{"".join(f"<tr>{row}</tr>" for row in cells)}</tbody></table>
<p>Distances are measured with <code>{html.escape(str(extractor["name"]))}</code> on {extractor["samples"]} generated
images; they compare only with numbers of the same extractor.</p>
{image}
<h2>What this record does not show</h2><ul>{limits}</ul>
<h2>Everything</h2><pre>{html.escape(json.dumps(content, indent=2))}</pre>
</body></html>
"""
