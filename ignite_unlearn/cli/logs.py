"""What a command tells while it works: progress bars, the library's log messages, and a file of these."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import click

from ignite_unlearn.cli.group import Named
from ignite_unlearn.utils.paragraphs import hanging
from ignite_unlearn.utils.printable import printable

_FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_INDENT = "  "  # of all lines of a message but the first
_LIBRARY = logging.getLogger("ignite_unlearn")

_OPTIONS = (
    click.option("--quiet", is_flag=True, help="No progress bars."),
    click.option("-v", "--verbose", is_flag=True, help="Tell on standard error what is done."),
    click.option("--log-file", type=Named(dir_okay=False), help="Append what is done, with times, to this file."),
)


class OneByOne(logging.Formatter):
    """Messages in which no sign acts; further lines of one are indented, so that none looks like another message."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the text of a message."""
        return f"\n{_INDENT}".join(printable(line.strip()) for line in super().format(record).splitlines())


class AboveBars(logging.Handler):
    """Writes messages to standard error, above the progress bars that are there."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a message, wrapped to the terminal's width."""
        from tqdm.auto import tqdm

        width = shutil.get_terminal_size().columns - len(_INDENT)
        wrapped = [
            line for part in self.format(record).splitlines() for line in hanging("", part.strip(), width).splitlines()
        ]
        tqdm.write(f"\n{_INDENT}".join(wrapped), file=sys.stderr)


@contextmanager
def logging_to(*, verbose: bool, log_file: Path | None) -> Iterator[None]:
    """Has the library's log messages shown, or written to a file; the error that ends a command is in the file too.

    Raises:
        OSError: if the file cannot be written.
    """
    handlers: list[logging.Handler] = []
    if verbose:
        handlers.append(AboveBars())
        handlers[-1].setFormatter(OneByOne("%(message)s"))
        handlers[-1].addFilter(lambda record: record.levelno < logging.ERROR)  # the launcher prints errors anyway
    if log_file is not None:
        handlers.append(logging.FileHandler(log_file, encoding="utf-8", errors="backslashreplace"))
        handlers[-1].setFormatter(OneByOne(_FORM))
    level = _LIBRARY.level
    for handler in handlers:
        _LIBRARY.addHandler(handler)
    if handlers:
        _LIBRARY.setLevel(logging.INFO)
    try:
        yield
    except Exception as error:
        if handlers:
            _LIBRARY.error("%s", error)
        raise
    finally:
        _LIBRARY.setLevel(level)
        for handler in handlers:
            _LIBRARY.removeHandler(handler)
            handler.close()


def told(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options ``--quiet``, ``-v`` and ``--log-file``; it is called with a :class:`.Progress`."""

    @wraps(command)
    def wrapped(*args: Any, quiet: bool, verbose: bool, log_file: Path | None, **options: Any) -> Any:
        from ignite_unlearn.runs.progress import Progress

        with logging_to(verbose=verbose, log_file=log_file):
            return command(*args, progress=Progress(bars=not quiet), **options)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped
