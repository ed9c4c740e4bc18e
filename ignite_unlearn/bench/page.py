"""A benchmark as a page in Markdown: what was measured, which goals were missed, and the picture beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any, TypeAlias

from PIL import Image

from ignite_unlearn.bench.rows import Table
from ignite_unlearn.recipes.goals import Goal
from ignite_unlearn.record.figures import FIGURES
from ignite_unlearn.record.record import GANS
from ignite_unlearn.utils.files import write_whole
from ignite_unlearn.utils.image_files import read_image
from ignite_unlearn.utils.printable import printable

Row: TypeAlias = Mapping[str, Any]

# What was forgotten first, then how good the images are.
_FIGURES = sorted((figure for figure in FIGURES.values() if figure.benchmarked), key=lambda figure: figure.quality)
_ABOUT = """\
Each request is run with each seed, and for each of these runs a GAN is retrained, for as many epochs as the original.
FID, KID and coverage are measured in the features of a classifier that the recipe trains on the real data, and compare
with nothing outside of this page. Seconds are wall-clock seconds on the same machine, the unlearning phase's with all
that it needed.
"""


def write_page(
    table: Table, path: Path, *, title: str, goals: Sequence[Goal] = (), pictures: Sequence[Path] = ()
) -> None:
    """Writes the page, and its picture beside it.

    Args:
        table: the benchmark.
        path: of the page; the picture's name ends in ``.png``.
        title: of the page.
        goals: what the benchmark set out to reach.
        pictures: ``samples.png`` of the runs to be shown; those that are not there are left out.

    Raises:
        UnlearningError: if a file cannot be written.
    """
    there = [picture for picture in pictures if picture.exists()]
    drawn = path.with_suffix(".png")
    if there:
        stacked = _stacked(there)
        write_whole(drawn, lambda part: stacked.save(part, format="PNG", optimize=True))
    text = page(table, title=title, goals=goals, picture=drawn.name if drawn.exists() else None)
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))


def page(table: Table, *, title: str, goals: Sequence[Goal] = (), picture: str | None = None) -> str:
    """Returns the page."""
    rows = [{**row, "spread": table.spread_of(row["forget"]["classes"])} for row in table.rows]
    parts = [f"# {title}", _hardware(table.rows), f"```console\n{table.command}\n```", _ABOUT]
    if picture:
        parts.append(f"![The same latents under the original, the unlearned and the retrained GAN]({picture})")
    parts += ["## Goals", "\n".join(f"* {goal.report(rows)}" for goal in goals)]
    parts += ["## By request: mean over the seeds, and the range", _by_class(table)]
    parts += ["## Every run", _every_run(table.rows)]
    parts += ["## Audits of the unlearned GAN beside the retrained one", _audits(table.rows)]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def _hardware(rows: Sequence[Row]) -> str:
    machines = sorted({f"{row['hardware']}, torch {row['versions']['torch']}" for row in rows})
    first = rows[0] if rows else None
    data = "" if first is None else f"{first['data']['name']}, {first['data']['train']:,} training images; "
    return f"{data}{'; '.join(machines)}. Written by the launcher from the records of {len(rows)} runs:"


def _by_class(table: Table) -> str:
    lines = []
    for classes in sorted({tuple(row["forget"]["classes"]) for row in table.rows}):
        rows = [row for row in table.rows if tuple(row["forget"]["classes"]) == classes]
        lines.append(f"### Class {', '.join(map(str, classes))} ({len(rows)} seed{'s' * (len(rows) > 1)})\n")
        cells = [["figure", *GANS]]
        for figure in _FIGURES:
            found = [[row["metrics"][gan].get(figure.key) for row in rows if row["metrics"].get(gan)] for gan in GANS]
            cells.append([figure.name, *(_range(values, figure.form) for values in found)])
        spent = {"original": "original", "unlearned": "unlearning", "retrained": "retraining"}
        cells.append(["seconds", *(_range([row["seconds"][spent[gan]] for row in rows], ".2f") for gan in GANS)])
        lines.append(_table([cells[0], *(line for line in cells[1:] if set(line[1:]) != {""})]))
        lines.append(f"\nSpeed-up over retraining: {_range([row['speedup'] for row in rows], '.0f')}.")
        spread = table.spread_of(classes)
        if spread is not None:
            lines.append(f"FID between retrained GANs of two seeds: {spread:.3f}.")
        lines.append("")
    return "\n".join(lines)


def _every_run(rows: Sequence[Row]) -> str:
    columns: dict[str, Callable[[Row], str]] = {
        "class": lambda row: ", ".join(map(str, row["forget"]["classes"])),
        "seed": lambda row: str(row["seed"]),
    }
    for figure in _FIGURES:
        if any((row["metrics"]["unlearned"] or {}).get(figure.key) is not None for row in rows):
            columns[figure.name] = lambda row, of=figure: _three(row, of.key, of.form)  # type: ignore[misc]
    columns["iterations of the phase"] = lambda row: str(row["iterations"]["unlearning"])
    columns["speed-up"] = lambda row: f"{row['speedup']:.0f}" if row["speedup"] else ""
    said = "Three numbers are of the original, the unlearned and the retrained GAN.\n\n"
    return said + _table([list(columns), *([cell(row) for cell in columns.values()] for row in rows)])


def _audits(rows: Sequence[Row]) -> str:
    cells = [["class", "seed", "audit", "original", "unlearned", "retrained", "verdict"]]
    for row in rows:
        for i, found in enumerate(row["audits"].get("unlearned", ())):
            beside = [
                results[i] if i < len(results := row["audits"].get(gan, ())) else None
                for gan in ("original", "retrained")
            ]
            if beside[0] is None:
                continue
            shown = [_interval(audit) for audit in (beside[0], found, beside[1])]
            verdict = {True: "passed", False: "**failed**", None: "none"}[found["passed"]]
            classes = ", ".join(map(str, row["forget"]["classes"]))
            cells.append([classes, str(row["seed"]), f"{found['audit']}, {found['unit']}", *shown, verdict])
    return _table(cells) if len(cells) > 1 else "Not audited."


def _interval(audit: Row | None) -> str:
    if audit is None or None in (audit["value"], audit["low"], audit["high"]):
        return ""
    return f"{audit['value']:.3g} [{audit['low']:.3g}, {audit['high']:.3g}]"


def _three(row: Row, key: str, form: str) -> str:
    found = [(row["metrics"].get(gan) or {}).get(key) for gan in GANS]
    return " / ".join("-" if value is None else format(value, form) for value in found)


def _range(values: Sequence[float | None], form: str) -> str:
    found = [value for value in values if value is not None]
    if not found:
        return ""
    spread = f" ({min(found):{form}} to {max(found):{form}})" if len(found) > 1 else ""
    return f"{mean(found):{form}}{spread}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return printable(text).replace("|", "\\|")


def _stacked(paths: Sequence[Path]) -> Image.Image:
    pictures = [read_image(path, "RGB") for path in paths]
    sheet = Image.new("RGB", (max(p.width for p in pictures), sum(p.height for p in pictures)), "white")
    top = 0
    for picture in pictures:
        sheet.paste(picture, (0, top))
        top += picture.height
    return sheet
