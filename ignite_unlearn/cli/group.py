"""The group of all commands, and what they share: errors in one sentence, and the status of a verdict."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from ignite_unlearn import __version__
from ignite_unlearn.cli.first_alone import FirstAlone

NOT_FORGOTTEN, NOT_TESTED = 3, 4  # exit statuses; 1 is a file that was changed, 2 an error


@click.group(cls=FirstAlone, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ignite-unlearn")
def main() -> None:
    """Make a trained GAN forget: stock recipes for ignite_unlearn.

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
            click.echo(f"Error: {error}", err=True)
            sys.exit(2)

    return wrapped


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
