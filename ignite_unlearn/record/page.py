"""The erasure record as one HTML page that needs no other file, no script and no network."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from ignite_unlearn.record.charts import curve, histogram, legend
from ignite_unlearn.record.content import GANS, Record

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;
overflow-wrap:break-word}
.wide{overflow-x:auto}table{border-collapse:collapse;margin:1rem 0}
td,th{padding:.3rem .8rem;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}
td:first-child,th:first-child,.words td,.words th{text-align:left;white-space:normal}
.words td{vertical-align:top}code,pre{font-size:.85rem;white-space:pre-wrap;word-break:break-all}
img{max-width:100%;image-rendering:pixelated}.charts{display:flex;flex-wrap:wrap;gap:1rem}
.chart{width:18rem;max-width:100%}.chart text{font-size:11px;fill:#333}.legend span{margin-right:1.5rem}
h2{margin-top:2.5rem}@media(max-width:40rem){td,th{padding:.2rem .25rem;font-size:.8rem;white-space:normal}}"""


def page(record: Record, everything: str, picture: Image.Image | None) -> str:
    """Returns the page.

    Args:
        record: the record.
        everything: the text of ``record.json``, which the page shows whole.
        picture: generated images; it must not show what was forgotten.
    """
    say = html.escape
    of = f" of {record.data['name']}" if record.data.get("name") else ""
    speed = "" if record.speedup is None else f" That is {record.speedup:.0f} times less than retraining took."
    limits = "".join(f"<li>{say(limit)}</li>" for limit in record.limits)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Erasure record: {say(record.recipe)}</title><style>{_STYLE}</style></head><body>
<h1>Erasure record</h1>
<p><b>{say(record.recipe)}</b>, seed {record.seed}, on {say(record.device)}: {say(record.forgotten + of)}
forgotten. {_spent(record)}{speed}
It stopped because: {say(record.stopped_because)}.</p>
{_numbers(record)}
{_audits(record.audits)}
{_shown(picture)}
{_scores(record.scores)}
{_curves(record.curves)}
<h2>Request and method</h2>
{_table(_facts(record), "words")}
<h2>What this record does not show</h2><ul>{limits}</ul>
<h2>Everything</h2><details><summary>record.json</summary><pre>{say(everything)}</pre></details>
</body></html>
"""


def _spent(record: Record) -> str:
    seconds = (record.seconds.get("unlearning") or 0) + (record.seconds.get("inversion") or 0)
    return f"Unlearning took {seconds:.2f} seconds, with all that it needed."


def _numbers(record: Record) -> str:
    extractor = record.feature_extractor
    if not extractor.get("name"):
        return _table(record.table())
    return f"""{_table(record.table())}
<p>Distances are measured with <code>{html.escape(str(extractor["name"]))}</code> on
{html.escape(str(extractor.get("samples")))} generated images; they compare only with numbers of the same extractor.
Brackets hold 95 % intervals.</p>"""


def _audits(audits: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    if not any(audits.values()):
        return "<h2>Audits</h2><p>None was made: nobody tried to disprove that it forgot.</p>"
    said = {True: "passed", False: "FAILED", None: "no verdict"}
    rows = [["GAN", "audit", "", "verdict"]]
    rows += [
        [gan, str(found["audit"]), said[found["passed"]], str(found["verdict"])]
        for gan in GANS
        for found in audits.get(gan, ())
    ]
    return f"<h2>Audits</h2><p>Each tries to disprove that the GAN forgot.</p>{_table(rows, 'words')}"


def _shown(picture: Image.Image | None) -> str:
    if picture is None:
        return ""
    stream = io.BytesIO()
    picture.save(stream, format="PNG")
    return (
        "<h2>The same latents</h2><p>What was forgotten is not shown in this record.</p>"
        f'<img alt="generated images" src="data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}">'
    )


def _scores(scores: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    if not scores:
        return ""
    kinds = [kind for kind in next(iter(scores.values())) if kind != "edges"]
    charts = "".join(
        histogram(gan, found["edges"], {kind: found[kind] for kind in kinds})
        for gan in GANS
        if (found := scores.get(gan))
    )
    return (
        "<h2>The discriminator's scores</h2><p>Where the forget set's scores lie like those of unseen images, this "
        f'attack cannot tell them apart.</p>{legend(kinds)}<div class="charts">{charts}</div>'
    )


def _curves(curves: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    charts = "".join(
        curve(name.replace("_", " "), points["iteration"], points["value"])
        for name, points in curves.items()
        if len(points["value"]) > 1
    )
    return f'<h2>Over the phase</h2><div class="charts">{charts}</div>' if charts else ""


def _facts(record: Record) -> list[list[str]]:
    """Returns names and values of what was asked for and done."""
    forget, method, data = record.forget, record.method, record.data
    options = ", ".join(f"{key}={value}" for key, value in method.get("options", {}).items())
    images = f"{data['train']} training images" if data.get("train") is not None else ""
    return [
        ["", ""],
        ["forgotten", _joined(record.forgotten, _hash(forget))],
        ["data", _joined(data.get("name"), images, _hash(data)) or "not said"],
        ["substitution", str(method.get("substitution"))],
        ["fake label", str(method.get("fake_label"))],
        ["options", options],
        ["versions", ", ".join(f"{name} {version}" for name, version in record.versions.items())],
    ]


def _hash(known: Mapping[str, Any]) -> str:
    return f"SHA-256 {known['sha256']}" if known.get("sha256") else ""


def _joined(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)


def _table(rows: Sequence[Sequence[str]], kind: str = "") -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in rows[0])
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows[1:])
    return f'<div class="wide"><table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
