"""Commands that run recipes: ``recipes``, ``show``, ``run``."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import click

from ignite_unlearn.cli.group import exit_by, in_one_sentence, main
from ignite_unlearn.cli.text import as_json, echo_json, echo_speed, echo_verdict, format_table


@main.command()
@as_json
@in_one_sentence
def recipes(as_json: bool) -> None:
    """List the recipes."""
    from ignite_unlearn.recipes import RECIPES

    if as_json:
        echo_json([{"name": name, "summary": summary} for name, (_, summary) in RECIPES.items()])
        return
    for name, (_, summary) in RECIPES.items():
        click.echo(f"{name:26} {summary}")


@main.command()
@click.argument("recipe")
@in_one_sentence
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
@click.option("--retrain", is_flag=True, help="Also train a GAN that never saw the forget set, to compare with.")
@click.option("--device", help="cpu, cuda or cuda:N.  [default: cuda where there is one]")
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of the data, for recipes that need one.")
@click.option("--download", is_flag=True, help="Have torchvision put its data set into --data-root.")
@click.option("--resume", is_flag=True, help="Use finished stages and checkpoints in the output folder.")
@click.option("--dry-run", is_flag=True, help="Check everything and say what would be done.")
@click.option("--show-forgotten", is_flag=True, help="Let samples.png show what is to be forgotten.")
@click.option("--request-id", help="Of the request to forget, for its record.")
@click.option("--asked-by", help="Who asked to forget, for the record.")
@click.option("--run-by", help="Who runs this, for the record.")
@click.option("--quiet", is_flag=True, help="No progress bars.")
@in_one_sentence
def run(recipe: str, out: Path | None, dry_run: bool, quiet: bool, **asked: Any) -> None:
    """Run a recipe: train what is missing, unlearn, judge, and write the erasure record.

    Status 3: the record's verdict is NOT FORGOTTEN.
    """
    from ignite_unlearn.recipes import load_recipe
    from ignite_unlearn.runs.request import check_request

    found = load_recipe(recipe)
    out = out or Path("runs") / recipe
    request = check_request(found, out=out, progress=not quiet, **asked)
    click.echo(request.plan())
    if dry_run:
        return

    from ignite_unlearn.runs.run import run as run_request

    # An engine logs what is raised anyway, and an error here is one sentence.
    logging.getLogger("ignite").setLevel(logging.CRITICAL)
    try:
        record = run_request(request)
    except KeyboardInterrupt:
        click.echo("\nInterrupted: run the same command with --resume to go on from the last checkpoint.", err=True)
        sys.exit(130)
    click.echo()
    echo_verdict(record)
    click.echo("\n" + format_table(record.table()))
    echo_speed(record)
    click.echo(f"record: {out / 'record.html'}   picture: {out / 'samples.png'}")
    exit_by(record.verdict.value)
