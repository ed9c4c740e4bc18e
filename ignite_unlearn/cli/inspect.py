"""Commands that look at what is there: ``evaluate``, ``audit``, ``report``, ``weights``, ``plugins``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ignite_unlearn.cli.group import Named, exit_by, in_one_sentence, interruptible, main
from ignite_unlearn.cli.logs import told
from ignite_unlearn.cli.text import as_json, echo_json, echo_speed, echo_verdict, format_table, say, tell, tell_beside

if TYPE_CHECKING:
    from ignite_unlearn.runs.progress import Progress

_FOLDER = click.argument("folder", metavar="DIR", type=Named())
_AGAIN = (
    click.option("--recipe", metavar="RECIPE", help="File or module of the run's recipe, where it is one of your own."),
    click.option("--data-root", type=Named(), help="Folder of the data, as for `run`."),
    click.option("--device", help="cpu, cuda or cuda:N.  [default: cuda where there is one]"),
    as_json,
)


def _of_a_finished_run(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_AGAIN):
        command = option(command)
    return _FOLDER(command)


@main.command()
@_of_a_finished_run
@in_one_sentence
@told
def evaluate(folder: Path, progress: Progress, as_json: bool, **again: Any) -> None:
    """Measure a finished run's GANs again, beside what its record says."""
    from ignite_unlearn.runs.finished import Finished

    finished = Finished.read(folder, progress=progress, **again)
    measured = finished.measure()
    if as_json:
        echo_json({"recorded": finished.record.as_dict()["metrics"], "measured": measured})
        return
    say(*format_table(finished.differences(measured)).splitlines())


@main.command()
@_of_a_finished_run
@click.option("--only", metavar="KEY", multiple=True, help="Make this audit; repeat it.  [default: all]")
@in_one_sentence
@told
def audit(folder: Path, only: tuple[str, ...], progress: Progress, as_json: bool, **again: Any) -> None:
    """Try to disprove that a finished run forgot; what was found enters its record.

    It begins with a list of the audits by their keys, and how long they took in this folder before. Those that are left
    out by --only are not passed: the record keeps what it holds of them, or says that they were not made.

    Status 3: the record's verdict is NOT FORGOTTEN.
    """
    from ignite_unlearn.record.page import outcome
    from ignite_unlearn.runs.audits import audit_run
    from ignite_unlearn.runs.finished import Finished

    logging.getLogger("ignite").setLevel(logging.CRITICAL)
    finished = Finished.read(folder, progress=progress, **again)
    with interruptible("run the same command again; audits that were done are kept."):
        record = audit_run(finished, only=only, tell=lambda plan: tell(*plan.splitlines(), err=as_json))
    if as_json:
        echo_json(record.as_dict())
    else:
        echo_verdict(record)
        for gan, found in record.audits.items():
            say("", gan)
            tell_beside((f"  {outcome(result)}", f"{result['audit']}: {result['verdict']}") for result in found)
        say("", f"record: {folder / 'record.html'}")
    exit_by(record.verdict.value)


@main.command()
@_FOLDER
@click.option("--open", "show", is_flag=True, help="Show the record in a browser.")
@click.option("--verify", is_flag=True, help="Hash the folder's files again and compare; status 1 if one differs.")
@click.option(
    "--fail-on",
    type=click.Choice(["not-forgotten", "not-tested"]),
    help="End with status 3 where it was not forgotten; with not-tested, also with status 4 where nothing tells.",
)
@as_json
@in_one_sentence
def report(folder: Path, show: bool, verify: bool, fail_on: str | None, as_json: bool) -> None:
    """Print the erasure record of a folder: verdict, reasons, speed-up, limits, numbers; show or verify it."""
    from ignite_unlearn.record.folder import verify as verify_folder
    from ignite_unlearn.record.ledger import verify_ledger
    from ignite_unlearn.record.record import Record

    record = Record.read(folder)
    files = [*verify_folder(folder), *verify_ledger(folder)] if verify else []
    if as_json:
        echo_json({**record.as_dict(), **({"verified": dict(files)} if verify else {})})
    else:
        echo_verdict(record)
        echo_speed(record)
        tell("", "not shown by this record:", *(f"  - {limit}" for limit in record.limits))
        say("", f"{record.recipe}, seed {record.seed}, {record.created}", *format_table(record.table()).splitlines())
        say("", f"record: {folder / 'record.html'}")
        if verify:
            say("", *format_table(files).splitlines())
    if show:
        click.launch(str(folder / "record.html"))
    if any(result != "as recorded" for _, result in files):
        sys.exit(1)
    if fail_on is not None:
        exit_by(record.verdict.value, fail_on=fail_on)


@main.command()
@click.argument("file", type=Named())
@in_one_sentence
def weights(file: Path) -> None:
    """Print the SHA-256 of a file of weights as records name it: of its tensors, whatever the file's format.

    Of both nets, and of the generator alone, which is all that some release.
    """
    from ignite_unlearn.record.weights import hashes_of_file

    for name, sha256 in hashes_of_file(file).items():
        say(f"{sha256}  {name}")


@main.command()
@as_json
@in_one_sentence
def plugins(as_json: bool) -> None:
    """List the plug-ins for GAN toolkits that are installed, and whether they import."""
    from ignite_unlearn.toolkits import installed

    found = installed()
    if as_json:
        echo_json([{"name": p.name, "distribution": p.distribution, "problem": p.problem} for p in found])
        return
    tell_beside((f"{plugin.name:12} {plugin.distribution:32}", plugin.problem or "imports") for plugin in found)
    if not found:
        tell("No plug-in is installed; plugins/README.md lists those there are.")
