"""The group of all commands, and what they share: errors in one sentence, and the status of a verdict."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import click

from ignite_unlearn import __version__
from ignite_unlearn.cli.first_alone import FirstAlone
from ignite_unlearn.cli.text import say
from ignite_unlearn.utils.printable import printable

NOT_FORGOTTEN, NOT_TESTED = 3, 4  # exit statuses; 1 is a file that was changed, 2 an error
INTERRUPTED = 130  # by Ctrl-C; by another signal it is 128 and its number
_LONGEST = 1000  # signs of an error


class Named(click.Path):
    """A file or folder that is named; an empty name, which would be the folder that one stands in, is refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Returns the path."""
        if not str(value):
            self.fail("The name is empty: give that of a file or folder, or . for this folder.", param, ctx)
        try:
            os.fsencode(value)
        except UnicodeEncodeError:
            self.fail("The name has signs that no file can have in its name: give another.", param, ctx)
        return Path(str(super().convert(value, param, ctx)))


@click.group(cls=FirstAlone, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ignite-unlearn")
def main() -> None:
    """Make a trained GAN forget: stock recipes for ignite_unlearn.

    Your own GAN: attach CascadedUnlearning in your own training script; the README's first code shows how.

    Without a script: copy a recipe to a file (`recipes --copy digits-class mine.py`), put your nets, your data and your
    checkpoint in, and run ./mine.py.

    Recipes are small: under torchrun the first process does the work, and the others wait and end with its status.

    Status 0: done. 1: a file is not as recorded. 2: an error. 3: NOT FORGOTTEN. 4: NOT TESTED, where it was asked for.
    """


def in_one_sentence(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turns errors that a caller can mend into one line and status 2."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        from ignite_unlearn.errors import UnlearningError

        try:
            return command(*args, **kwargs)
        except UnlearningError as error:
            told = str(error)
        except BrokenPipeError:  # whoever reads what is printed has seen enough; click ends without a word
            raise
        except OSError as error:  # of a file or folder that was named
            told = f"{error.filename or 'A file'} cannot be used ({error.strerror or error}): give another."
        say(f"Error: {printable(told, at_most=_LONGEST)}", err=True)
        sys.exit(2)

    return wrapped


@contextmanager
def interruptible(hint: str) -> Iterator[None]:
    """Has Ctrl-C, and SIGTERM as well, end a command with a line that says how to go on, and the signal's status."""
    from ignite_unlearn.runs.interrupts import terminable

    try:
        with terminable():
            yield
    except KeyboardInterrupt as interruption:
        say("", f"Interrupted: {hint}", err=True)
        sys.exit(getattr(interruption, "status", INTERRUPTED))


def exit_by(value: str, *, fail_on: str = "not-forgotten") -> None:
    """Ends with the status of a verdict.

    Args:
        value: of the verdict.
        fail_on: ``"not-tested"`` makes what was not tested a failure too.
    """
    if value == "not-forgotten":
        sys.exit(NOT_FORGOTTEN)
    if value == "not-tested" and fail_on == "not-tested":
        sys.exit(NOT_TESTED)
