"""The erasure record as one HTML page that needs no other file, no script and no network."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, Template
from markupsafe import Markup, escape
from PIL import Image

from ignite_unlearn.audits.result import was_made
from ignite_unlearn.record.charts import curve, histogram, legend
from ignite_unlearn.record.figures import figure
from ignite_unlearn.record.record import GANS, Record

GLOSSARY = {
    "forget set": "the images, or the classes, that are to be forgotten.",
    "unseen images": "real images of the same kind that no GAN was trained on.",
    "original GAN": "the GAN as it was trained, on everything.",
    "unlearned GAN": "the original after the unlearning phase: what is to be released.",
    "retrained GAN": "a GAN trained from the start without the forget set: what forgetting should come to.",
    "substitute": "the image that the generator is taught to make in the place of a forgotten one.",
    "fake label": "the score that the discriminator is taught to give a forgotten image.",
    "forgotten share": "how many of the images that are asked for as the forgotten class a classifier takes for it; "
    "without labels, how often the class is shown beside the original GAN.",
    "audit": "an attempt to disprove that it was forgotten; it fails where the GAN is told from the retrained one.",
    "FID, KID": "distances between generated and real images: smaller is better.",
}
_OUTCOMES = {True: "passed", False: "FAILED", None: "no verdict"}


def page(record: Record, everything: str, picture: Image.Image | None) -> str:
    """Returns the page.

    Args:
        record: the record.
        everything: the text of ``record.json``, which the page shows whole.
        picture: generated images; it must not show what was forgotten.
    """
    kinds = [kind for kind in next(iter(record.scores.values()), {}) if kind != "edges"]
    return _template().render(
        record=record,
        verdict=record.verdict,
        style=Markup(_resource("page.css")),
        spent=f"{(record.seconds.get('unlearning') or 0) + (record.seconds.get('inversion') or 0):.2f}",
        speed=speed(record),
        facts=_facts(record),
        method=_method(record),
        numbers=[[_split(cell) for cell in row] for row in record.table()],
        audits=_audits(record.audits),
        gans=[gan for gan in GANS if record.metrics.get(gan) is not None],
        picture=None if picture is None else _encoded(picture),
        legend=Markup(legend(kinds)),
        histograms=[
            Markup(histogram(gan, found["edges"], {kind: found[kind] for kind in kinds}, x_label="score"))
            for gan in GANS
            if (found := record.scores.get(gan))
        ],
        curves=[
            Markup(curve(figure(name).title, points["iteration"], points["value"]))
            for name, points in record.curves.items()
            if len(points["value"]) > 1
        ],
        glossary=GLOSSARY,
        everything=everything,
    )


def embedded(everything: str) -> str:
    """Returns the text of ``record.json`` as it stands in the page."""
    return str(escape(everything))


def speed(record: Record) -> str:
    """Returns how unlearning compares with retraining, in a sentence; empty where nothing was retrained."""
    if record.speedup is None:
        return ""
    if record.speedup < 2:
        return f"Retraining took {record.seconds['retraining']:.2f} seconds: hardly more, or less."
    return f"Retraining took {record.speedup:.0f} times as long."


def outcome(audit: Mapping[str, Any]) -> str:
    """Returns an audit's outcome in a word; files that were found are to be deleted, which nothing passes or fails."""
    if audit["passed"] is None and audit.get("unit") == "files":
        return "found"
    if not was_made(audit):
        return "not tested"
    return _OUTCOMES[audit["passed"]]


@cache
def _template() -> Template:
    return Environment(autoescape=True, trim_blocks=False).from_string(_resource("page.html.jinja"))


def _resource(name: str) -> str:
    return (files("ignite_unlearn.record") / name).read_text(encoding="utf-8")


def _split(cell: str) -> dict[str, str]:
    """Returns a cell's value and its interval, which narrow columns show below each other."""
    value, bracket, interval = cell.partition(" [")
    return {"value": value, "interval": bracket.strip() + interval}


def _encoded(picture: Image.Image) -> str:
    stream = io.BytesIO()
    picture.save(stream, format="PNG")
    return base64.b64encode(stream.getvalue()).decode()


def _audits(audits: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[list[str]]:
    rows = [["GAN", "audit", "", "verdict"]]
    return rows + [
        [gan, str(found["audit"]), outcome(found), str(found["verdict"])]
        for gan in GANS
        for found in audits.get(gan, ())
    ]


def _facts(record: Record) -> list[list[str]]:
    """Returns names and values of what was asked for, by whom, and what is to be released."""
    request = record.request
    rows: list[tuple[str, str | None]] = [
        ("request", request.get("id")),
        ("asked by", request.get("asked_by")),
        ("run by", request.get("run_by")),
        ("SHA-256 of the weights to release", record.weights_sha256),
        ("SHA-256 of the generator alone", record.generator_sha256),
        *((f"SHA-256 of {name}", sha256) for name, sha256 in record.files.items() if name.startswith("unlearned.")),
    ]
    return [[name, str(value)] for name, value in rows if value]


def _method(record: Record) -> list[list[str]]:
    """Returns names and values of what was done."""
    forget, method, data = record.forget, record.method, record.data
    options = ", ".join(f"{key}={value}" for key, value in method.get("options", {}).items())
    images = f"{data['train']} training images" if data.get("train") is not None else ""
    return [
        ["to be forgotten", _joined(record.forgotten, _hash("keyed SHA-256", forget.get("hmac_sha256")))],
        ["data", _joined(data.get("name"), images, _hash("SHA-256", data.get("sha256"))) or "not said"],
        ["substitution", str(method.get("substitution"))],
        ["fake label", str(method.get("fake_label"))],
        ["options", options],
        ["why the phase ended", record.stopped_because],
        ["versions", ", ".join(f"{name} {version}" for name, version in record.versions.items())],
    ]


def _hash(kind: str, value: Any) -> str:
    return f"{kind} {value}" if value else ""


def _joined(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)
