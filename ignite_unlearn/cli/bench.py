"""The command that benchmarks a recipe: ``table``."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ignite_unlearn.cli.completion import recipe_names, setting_keys
from ignite_unlearn.cli.group import Named, in_one_sentence, interruptible, main
from ignite_unlearn.cli.logs import told
from ignite_unlearn.cli.text import say

if TYPE_CHECKING:
    from ignite_unlearn.runs.progress import Progress


@main.command()
@click.argument("recipe", shell_complete=recipe_names)
@click.option("--classes", multiple=True, default=("1", "4", "8"), show_default=True, help="A request; repeat it.")
@click.option("--seeds", default="0,1,2", show_default=True, help="Seeds of each request.")
@click.option("--runs", type=Named(), help="Folder of the runs.  [default: runs/table/NAME]")
@click.option("--page", type=Named(), required=True, help="The page in Markdown that is written.")
@click.option("--title", help="Of the page.")
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change an option; see `show`.",
    shell_complete=setting_keys,
)  # fmt: skip
@click.option("--device", help="cpu, cuda or cuda:N.  [default: cuda where there is one]")
@click.option("--data-root", type=Named(), help="Folder of the data, for recipes that need one.")
@click.option("--dry-run", is_flag=True, help="Check everything and say what would be run.")
@in_one_sentence
@told
def table(
    recipe: str, classes: tuple[str, ...], seeds: str, runs: Path | None, page: Path, title: str | None,
    settings: tuple[str, ...], dry_run: bool, progress: Progress, **where: Any,
) -> None:  # fmt: skip
    """Benchmark a recipe of class unlearning: run, retrain and audit each request and seed, and write a page.

    Rows are kept in a JSON file beside the page: what is there already is not measured again.
    """
    from ignite_unlearn.bench.page import write_page
    from ignite_unlearn.bench.rows import Table, measure, rows_path, table_runs
    from ignite_unlearn.recipes import load_recipe

    found, kept = load_recipe(recipe), rows_path(page)
    folder = runs or Path("runs") / "table" / found.name
    wanted = table_runs(found, classes, seeds, folder, settings=settings, progress=progress, **where)
    asked = " ".join([f"--classes {c}" for c in classes] + [f"--set {s}" for s in settings])
    root = " --data-root DATA" if where["data_root"] else ""
    command = f"ignite-unlearn table {recipe} {asked} --seeds {seeds}{root} --page {page}"
    measured = Table.read(kept, found.name, command)
    for run in wanted:
        say(f"{'kept' if measured.has(run) else 'to be measured'}: {run.out}")
    if dry_run:
        return
    logging.getLogger("ignite").setLevel(logging.CRITICAL)
    with interruptible("run the same command again to go on from the last checkpoint."):
        measured = measure(wanted, kept, recipe=found.name, command=command)
    first = wanted[0].seed
    pictures = [run.out / "samples.png" for run in wanted if run.seed == first]
    write_page(measured, page, title=title or found.name, goals=found.goals, pictures=pictures)
    say(f"page: {page}   rows: {kept}")
