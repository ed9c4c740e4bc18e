"""What a drawn row of a label shows: the tables of decisions/classes.md on rows that are drawn until the class is gone.

python docs/benchmarks/untrained_rows.py RECIPE --runs RUNS [--data-root DATA]

Each class of the recipe's original is forgotten by several draws. A classifier that no draw asked tells the share of
images under the label that show the class. RUNS keeps the original, about two minutes of a core for digits-class.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import click
import torch
from torch import Tensor

from ignite_unlearn.cascade import UntrainedLabel
from ignite_unlearn.forget import ForgetClasses
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.recipes import load_recipe
from ignite_unlearn.runs.pipeline import JUDGED, instruments_of, original_of
from ignite_unlearn.runs.progress import QUIET
from ignite_unlearn.runs.run import Run, prepare_run

SAMPLES, SEEDS = 2000, 6  # images under the label; draws of each class
WAYS = {"the first row": 1, "rows until one shows none": 64}  # draws


def asked(recipe: str, runs: Path, settings: tuple[str, ...], label: int, data_root: Path | None) -> Run:
    """Returns the run of a request, whose original is that of all others."""
    settings = (*settings, f"classes={label}")
    out = runs / f"s0-c{label}"
    return prepare_run(
        load_recipe(recipe), settings=settings, out=out, seed=0, resume=True, data_root=data_root, progress=QUIET
    )


def share(run: Run, label: int, draws: int, seed: int) -> tuple[float, float]:
    """Returns the share of images under an untrained label that show its class, and the seconds of the draw."""
    gan, instruments = original_of(run).gan, instruments_of(run)
    regions = ForgetClasses({label}).regions(gan)
    left = run.recipe.task.left(instruments.guide)
    shown, start = UntrainedLabel(draws=draws, left=left, seed=seed), time.perf_counter()
    labels = torch.full((SAMPLES,), label)
    with borrow(seed=JUDGED):
        latents = gan.sample_latents(SAMPLES)
    shown(gan, latents[:1], labels[:1], regions)
    seconds = time.perf_counter() - start
    made: Tensor = shown(gan, latents, labels, regions)
    with torch.no_grad():
        found = instruments.classifier(made).argmax(1) == label
    return float(found.float().mean()), seconds


@click.command()
@click.argument("recipe")
@click.option("--runs", type=click.Path(path_type=Path), required=True)
@click.option("--data-root", type=click.Path(path_type=Path, exists=True))
@click.option("--classes", default="0,1,2,3,4,5,6,7,8,9", show_default=True)
@click.option("--set", "settings", multiple=True, help="As `ignite-unlearn run` takes it.")
def main(recipe: str, runs: Path, data_root: Path | None, classes: str, settings: tuple[str, ...]) -> None:
    """Prints, for each class, the mean and the largest share that the draws of either way leave."""
    torch.set_num_threads(1)
    click.echo(f"| class | {' | '.join(WAYS)} | seconds |\n| --- | {'--- | ' * len(WAYS)}--- |")
    every: dict[str, list[float]] = {way: [] for way in WAYS}
    for label in map(int, classes.split(",")):
        run, cells, seconds = asked(recipe, runs, settings, label, data_root), [], [0.0]
        for way, draws in WAYS.items():
            shares, seconds = map(list, zip(*(share(run, label, draws, seed) for seed in range(SEEDS)), strict=True))
            every[way] += shares
            cells.append(told(shares))
        click.echo(f"| {label} | {' | '.join(cells)} | {statistics.mean(seconds):.2f} |")
    click.echo(f"| all | {' | '.join(map(told, every.values()))} | |")


def told(shares: list[float]) -> str:
    """Returns shares by their mean and the largest."""
    return f"{statistics.mean(shares):.4f} ({max(shares):.4f})"


if __name__ == "__main__":
    main()
