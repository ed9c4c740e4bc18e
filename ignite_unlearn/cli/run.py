"""Commands that run recipes: ``recipes``, ``show``, ``run``."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ignite_unlearn.cli.completion import recipe_names, setting_keys
from ignite_unlearn.cli.group import Named, exit_by, in_one_sentence, interruptible, main
from ignite_unlearn.cli.logs import told
from ignite_unlearn.cli.text import as_json, echo_json, echo_speed, echo_verdict, format_table, say, tell, tell_beside

if TYPE_CHECKING:
    from ignite_unlearn.runs.progress import Progress

_RECIPE = click.argument("recipe", metavar="RECIPE", shell_complete=recipe_names)


@main.command()
@click.option("--copy", nargs=2, metavar="RECIPE FILE", help="Write a stock recipe to a file that you may change.")
@as_json
@in_one_sentence
def recipes(copy: tuple[str, str] | None, as_json: bool) -> None:
    """List the stock recipes, or copy one."""
    from ignite_unlearn.recipes import copy_recipe, stock_recipes

    if copy is not None:
        copy_recipe(copy[0], Path(copy[1]))
        say(f"{copy[1]}: change it, and run it with `ignite-unlearn run {copy[1]}`")
        return
    found = stock_recipes()
    if as_json:
        echo_json([{"name": name, "summary": summary} for name, summary in found.items()])
        return
    tell_beside(found.items())


@main.command()
@_RECIPE
@in_one_sentence
def show(recipe: str) -> None:
    """Show a recipe's options and their defaults."""
    from ignite_unlearn.recipes import load_recipe
    from ignite_unlearn.recipes.settings import describe

    found = load_recipe(recipe)
    tell(f"{found.name}: {found.summary}", "", "options (--set key=value):")
    tell_beside((f"  {option}", text) for option, text in describe(found).items())


@main.command()
@_RECIPE
@click.option("--out", type=Named(), help="Output folder.  [default: runs/NAME]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of everything trained.")
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change an option; see `show`.",
    shell_complete=setting_keys,
)  # fmt: skip
@click.option("--retrain", is_flag=True, help="Also train a GAN that never saw the forget set, to compare with.")
@click.option("--device", help="cpu, cuda or cuda:N.  [default: cuda where there is one]")
@click.option("--data-root", type=Named(), help="Folder of the data, for recipes that need one.")
@click.option("--download", is_flag=True, help="Have torchvision put its data set into --data-root.")
@click.option("--resume", is_flag=True, help="Use finished stages and checkpoints in the output folder.")
@click.option("--after", type=Named(), help="Go on from a finished run, and hold its requests down.")
@click.option("--dry-run", is_flag=True, help="Check everything and say what would be done.")
@click.option("--tensorboard", type=Named(file_okay=False), help="Folder for TensorBoard: losses and numbers.")
@click.option("--show-forgotten", is_flag=True, help="Let samples.png show what is to be forgotten.")
@click.option("--request-id", help="Of the request to forget, for its record.")
@click.option("--asked-by", help="Who asked to forget, for the record.")
@click.option("--run-by", help="Who runs this, for the record.")
@in_one_sentence
@told
def run(
    recipe: str, out: Path | None, after: Path | None, dry_run: bool, tensorboard: Path | None, progress: Progress,
    **asked: Any,
) -> None:  # fmt: skip
    """Run a recipe: train what is missing, unlearn, judge, and write the erasure record.

    RECIPE is a stock recipe, a file of yours (./mine.py) or a module (package.module), which is run.

    A checkpoint of yours: save it as original.pt in the output folder, a dict of the state dicts generator and
    discriminator, and it is taken in place of training. For other nets than the recipe's, write a recipe of your own
    (`recipes --copy`), or attach the phase in your own script.

    Status 3: the record's verdict is NOT FORGOTTEN.
    """
    from ignite_unlearn.recipes import load_recipe
    from ignite_unlearn.runs.run import prepare_run

    if tensorboard is not None:
        from ignite_unlearn.runs.tensorboard import TensorBoard

        progress = replace(progress, observers=[TensorBoard(tensorboard)])
    found = load_recipe(recipe)
    out = out or Path("runs") / found.name
    if after is not None:
        from ignite_unlearn.runs.finished import Finished

        where = {name: asked[name] for name in ("data_root", "device")}
        asked["earlier"] = Finished.read(after, recipe=recipe, progress=progress, **where).as_earlier()
    prepared = prepare_run(found, out=out, progress=progress, **asked)
    if dry_run:
        from ignite_unlearn.runs.rehearsal import rehearse

        rehearse(prepared)  # before the plan, which would read as if all were well
    tell(*prepared.plan().splitlines())
    if dry_run:
        return

    from ignite_unlearn.runs.pipeline import carry_out

    # An engine logs what is raised anyway, and an error here is one sentence.
    logging.getLogger("ignite").setLevel(logging.CRITICAL)
    with interruptible("run the same command with --resume to go on from the last checkpoint."):
        record = carry_out(prepared)
    say()
    echo_verdict(record)
    say("", *format_table(record.table()).splitlines())
    echo_speed(record)
    say(f"record: {out / 'record.html'}", f"picture: {out / 'samples.png'}")
    exit_by(record.verdict.value)
