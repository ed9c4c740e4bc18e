"""The launcher. It imports torch only when a command needs it, so that ``--help`` is instant."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from ignite_unlearn import __version__


def _in_one_sentence(command: Callable[..., Any]) -> Callable[..., Any]:
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


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ignite-unlearn")
def main() -> None:
    """Make a trained GAN forget: stock recipes for ignite_unlearn."""


@main.command()
@_in_one_sentence
def recipes() -> None:
    """List the recipes."""
    from ignite_unlearn.recipes import RECIPES

    for name, (_, summary) in RECIPES.items():
        click.echo(f"{name:26} {summary}")


@main.command()
@_in_one_sentence
def plugins() -> None:
    """List the plug-ins for GAN toolkits that are installed, and whether they import."""
    from ignite_unlearn.toolkits import installed

    found = installed()
    for plugin in found:
        click.echo(f"{plugin.name:12} {plugin.distribution:32} {plugin.problem or 'imports'}")
    if not found:
        click.echo("No plug-in is installed; plugins/README.md lists those there are.")


@main.command()
@click.argument("recipe")
@_in_one_sentence
def show(recipe: str) -> None:
    """Show a recipe's options and their defaults."""
    from ignite_unlearn.recipes import load_recipe
    from ignite_unlearn.recipes.recipe import describe_options

    found = load_recipe(recipe)
    click.echo(f"{found.name}: {found.summary}\n\noptions (--set key=value):")
    click.echo(describe_options(found))


@main.command()
@click.argument("recipe")
@click.option("--out", type=click.Path(path_type=Path), help="Output folder.  [default: runs/RECIPE]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of everything trained.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change an option; see `show`.")
@click.option("--retrain", is_flag=True, help="Also train the judge: a GAN that never saw the forget set.")
@click.option("--device", help="cpu, cuda or cuda:N.  [default: cuda where there is one]")
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of the data, for recipes that need one.")
@click.option("--download", is_flag=True, help="Have torchvision put its data set into --data-root.")
@click.option("--resume", is_flag=True, help="Use finished stages and checkpoints in the output folder.")
@click.option("--dry-run", is_flag=True, help="Check everything and say what would be done.")
@click.option("--quiet", is_flag=True, help="No progress bars.")
@_in_one_sentence
def run(recipe: str, out: Path | None, dry_run: bool, quiet: bool, **asked: Any) -> None:
    """Run a recipe: train what is missing, unlearn, judge, and write the erasure record."""
    from ignite_unlearn.recipes import load_recipe
    from ignite_unlearn.recipes.request import check_request

    found = load_recipe(recipe)
    out = out or Path("runs") / recipe
    request = check_request(found, out=out, progress=not quiet, **asked)
    click.echo(request.plan())
    if dry_run:
        return

    from ignite_unlearn.recipes.run import run as run_request

    # An engine logs what is raised anyway, and an error here is one sentence.
    logging.getLogger("ignite").setLevel(logging.CRITICAL)
    try:
        record = run_request(request)
    except KeyboardInterrupt:
        click.echo("\nInterrupted: run the same command with --resume to go on from the last checkpoint.", err=True)
        sys.exit(130)
    click.echo("\n" + format_table(record.table()))
    if record.speedup is not None:
        click.echo(f"\nspeed-up over retraining: {record.speedup:.0f}x")
    click.echo(f"stopped because: {record.stopped_because}")
    click.echo(f"record: {out / 'record.html'}   picture: {out / 'samples.png'}")


_FOLDER = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
_AGAIN = (
    click.option("--data-root", type=click.Path(path_type=Path), help="Folder of the data, as for `run`."),
    click.option("--device", help="cpu, cuda or cuda:N.  [default: cuda where there is one]"),
    click.option("--quiet", is_flag=True, help="No progress bars."),
)


def _of_a_finished_run(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_AGAIN):
        command = option(command)
    return _FOLDER(command)


@main.command()
@_of_a_finished_run
@_in_one_sentence
def evaluate(folder: Path, data_root: Path | None, device: str | None, quiet: bool) -> None:
    """Measure a finished run's GANs again, beside what its record says."""
    from ignite_unlearn.recipes.finished import Finished

    finished = Finished.read(folder, data_root=data_root, device=device, progress=not quiet)
    click.echo(format_table(finished.differences(finished.measure())))


@main.command()
@_of_a_finished_run
@_in_one_sentence
def audit(folder: Path, data_root: Path | None, device: str | None, quiet: bool) -> None:
    """Try to disprove that a finished run forgot; the verdicts enter its record."""
    from ignite_unlearn.recipes.audits import audit_run
    from ignite_unlearn.recipes.finished import Finished

    logging.getLogger("ignite").setLevel(logging.CRITICAL)
    finished = Finished.read(folder, data_root=data_root, device=device, progress=not quiet)
    record = audit_run(finished)
    for gan, found in record.audits.items():
        click.echo(f"\n{gan}")
        for result in found:
            click.echo(f"  {_PASSED[result['passed']]:10}  {result['audit']}: {result['verdict']}")
    click.echo(f"\nrecord: {folder / 'record.html'}")


@main.command()
@click.argument("recipe")
@click.option("--classes", multiple=True, default=("1", "4", "8"), show_default=True, help="A request; repeat it.")
@click.option("--seeds", default="0,1,2", show_default=True, help="Seeds of each request.")
@click.option("--runs", type=click.Path(path_type=Path), help="Folder of the runs.  [default: runs/table/RECIPE]")
@click.option("--page", type=click.Path(path_type=Path), required=True, help="The page in Markdown that is written.")
@click.option("--title", help="Of the page.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change an option; see `show`.")
@click.option("--device", help="cpu, cuda or cuda:N.  [default: cuda where there is one]")
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of the data, for recipes that need one.")
@click.option("--dry-run", is_flag=True, help="Check everything and say what would be run.")
@click.option("--quiet", is_flag=True, help="No progress bars.")
@_in_one_sentence
def table(
    recipe: str, classes: tuple[str, ...], seeds: str, runs: Path | None, page: Path, title: str | None,
    settings: tuple[str, ...], dry_run: bool, quiet: bool, **where: Any,
) -> None:  # fmt: skip
    """Benchmark a recipe of class unlearning: run, retrain and audit each request and seed, and write a page.

    Rows are kept in a JSON file beside the page: what is there already is not measured again.
    """
    from ignite_unlearn.recipes import load_recipe
    from ignite_unlearn.recipes.table import Table, measure, table_requests
    from ignite_unlearn.recipes.table_page import write_page

    found, kept = load_recipe(recipe), page.with_suffix(".json")
    folder = runs or Path("runs") / "table" / recipe
    requests = table_requests(found, classes, seeds, folder, settings=settings, progress=not quiet, **where)
    asked = " ".join([f"--classes {c}" for c in classes] + [f"--set {s}" for s in settings])
    root = " --data-root DATA" if where["data_root"] else ""
    measured = Table.read(kept, recipe, f"ignite-unlearn table {recipe} {asked} --seeds {seeds}{root} --page {page}")
    for request in requests:
        click.echo(f"{'kept' if measured.has(request) else 'to be measured'}: {request.out}")
    if dry_run:
        return
    logging.getLogger("ignite").setLevel(logging.CRITICAL)
    try:
        measured = measure(measured, requests, kept)
    except KeyboardInterrupt:
        click.echo("\nInterrupted: run the same command again to go on from the last checkpoint.", err=True)
        sys.exit(130)
    first = requests[0].seed
    pictures = [request.out / "samples.png" for request in requests if request.seed == first]
    write_page(measured, page, title=title or recipe, pictures=pictures)
    click.echo(f"page: {page}   rows: {kept}")


_PASSED = {True: "passed", False: "FAILED", None: "no verdict"}


@main.command()
@_FOLDER
@click.option("--open", "show", is_flag=True, help="Show the record in a browser.")
@click.option("--verify", is_flag=True, help="Hash the folder's files again and compare; status 1 if one differs.")
@_in_one_sentence
def report(folder: Path, show: bool, verify: bool) -> None:
    """Print the erasure record of a folder; show or verify it."""
    from ignite_unlearn.record.content import Record
    from ignite_unlearn.record.folder import verify as verify_folder

    record = Record.read(folder)
    click.echo(f"{record.recipe}, seed {record.seed}: {record.forgotten}\n")
    click.echo(format_table(record.table()))
    click.echo(f"\nrecord: {folder / 'record.html'}")
    if show:
        click.launch(str(folder / "record.html"))
    if verify:
        found = verify_folder(folder)
        click.echo("\n" + format_table([[name, result] for name, result in found]))
        if any(result != "as recorded" for _, result in found):
            sys.exit(1)


def format_table(rows: list[list[str]]) -> str:
    """Returns rows of text as a table with aligned columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)
