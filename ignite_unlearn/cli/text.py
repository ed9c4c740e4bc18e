"""What commands print: tables, verdicts, JSON."""

from __future__ import annotations

import json
import re
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import click

from ignite_unlearn.utils.paragraphs import hanging
from ignite_unlearn.utils.printable import printable

if TYPE_CHECKING:
    from ignite_unlearn.record.record import Record

_GAP, _LEAST = 2, 16  # columns between two columns, and those that names need at least
_WIDEST = 46  # columns of a text that has beside it what is said of it
_LEAD = re.compile(r" *(?:- |\d+\. )?")  # of a line: its indent, and what marks it in a list

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, to standard output.")


def say(*lines: str, err: bool = False) -> None:
    """Prints lines; what somebody wrote into a file or a name moves no cursor, changes no colour, begins no line."""
    for line in lines or ("",):
        click.echo(printable(line), err=err)


def tell(*lines: str, err: bool = False) -> None:
    """Prints lines as :func:`say` does, wrapped to the terminal's width; what a line begins with stays free below."""
    width = shutil.get_terminal_size().columns
    for line in map(printable, lines or ("",)):
        lead = _LEAD.match(line)
        assert lead is not None
        click.echo(hanging(lead.group(), line[lead.end() :], width), err=err)


def tell_beside(pairs: Iterable[tuple[str, str]]) -> None:
    """Prints texts, and beside each, or below a long one, what is said of it, wrapped to the terminal's width."""
    printed = [(printable(name), printable(said)) for name, said in pairs]
    beside = max((len(name) for name, _ in printed if len(name) <= _WIDEST), default=0)
    for name, said in printed:
        if len(name) > beside:
            click.echo(name)
        lead = f"{'' if len(name) > beside else name:{beside}}  "
        click.echo(hanging(lead, said, shutil.get_terminal_size().columns))


def format_table(rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Returns rows of text as a table with aligned columns.

    One that is too wide has intervals below their numbers and names wrapped, or above their numbers where too little
    room is left for names.

    Args:
        rows: the first is the header.
        width: that there is; None: the terminal's, or 80.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    width = width or shutil.get_terminal_size().columns
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    if sum(widths) + _GAP * (len(widths) - 1) <= width:
        return _lines(rows, widths)
    parts = [(row[0], list(map(_split, row[1:]))) for row in rows]
    others = [max(len(line) for _, cells in parts for line in cells[i]) for i in range(len(rows[0]) - 1)]
    room = width - sum(others) - _GAP * len(others)
    lines: list[Sequence[str]] = []
    for name, cells in parts:
        if room >= _LEAST:
            lines += zip_longest(textwrap.wrap(name, room, break_on_hyphens=False), *cells, fillvalue="")
        else:
            lines += [[name, *([""] * len(cells))]] if name else []
            lines += zip_longest([""], *cells, fillvalue="")
    return _lines(lines, [room if room >= _LEAST else 0, *others])


def _split(cell: str) -> list[str]:
    """Returns a number and its interval, if it has one."""
    value, bracket, interval = cell.partition(" [")
    return [value, f"[{interval}"] if bracket else [value]


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
    tell(f"{verdict.headline}: {record.forgotten}", *(f"  - {reason}" for reason in verdict.reasons))


def echo_speed(record: Record) -> None:
    """Prints how unlearning compares with retraining, where something was retrained."""
    if record.speedup is not None:
        say("", f"speed-up over retraining: {record.speedup:.3g}x")
