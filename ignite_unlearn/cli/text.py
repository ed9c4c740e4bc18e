"""What commands print: tables, verdicts, JSON."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ignite_unlearn.utils.printable import printable

if TYPE_CHECKING:
    from ignite_unlearn.record.record import Record

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, to standard output.")


def say(*lines: str, err: bool = False) -> None:
    """Prints lines; what somebody wrote into a file or a name moves no cursor, changes no colour, begins no line."""
    for line in lines or ("",):
        click.echo(printable(line), err=err)


def format_table(rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Returns rows of text as a table with aligned columns; one that is too wide has its first column above the others.

    Args:
        rows: the first is the header.
        width: that there is; None: the terminal's, or 80.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    if sum(widths) + 2 * (len(widths) - 1) > (width or shutil.get_terminal_size().columns):
        split = [[["", *row[1:]]] if not row[0] else [[row[0]] + [""] * (len(row) - 1), ["", *row[1:]]] for row in rows]
        return _lines([line for lines in split for line in lines], [0, *widths[1:]])
    return _lines(rows, widths)


def _lines(rows: Sequence[Sequence[str]], widths: Sequence[int]) -> str:
    lines = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def echo_json(content: Any) -> None:
    """Prints JSON."""
    # All else that a terminal would obey is spelled out by json.
    click.echo(json.dumps(content, indent=2, allow_nan=False).replace("\x7f", "\\u007f"))


def echo_verdict(record: Record) -> None:
    """Prints a record's verdict and its reasons."""
    verdict = record.verdict
    say(f"{verdict.headline}: {record.forgotten}", *(f"  - {reason}" for reason in verdict.reasons))


def echo_speed(record: Record) -> None:
    """Prints how unlearning compares with retraining, where something was retrained."""
    if record.speedup is not None:
        say("", f"speed-up over retraining: {record.speedup:.3g}x")
