"""What a drawn row of a label shows, and what it tells of members: tables of decisions/classes.md.

python docs/benchmarks/untrained_rows.py shown RECIPE --runs RUNS [--data-root DATA]
python docs/benchmarks/untrained_rows.py told RUN [--data-root DATA]

`shown`: each class of the recipe's original is forgotten by several draws. A classifier that no draw asked tells the
share of images under the label that show the class. RUNS keeps the original, about two minutes of a core for
digits-class. `told`: how well the discriminators of a finished run tell members from unseen images, under the row that
the forgotten label has, under rows that are drawn anew, and under the other labels.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import click
import torch
from torch import Tensor

from ignite_unlearn.audits import ByOtherLabels
from ignite_unlearn.cascade import UntrainedLabel
from ignite_unlearn.forget import ForgetClasses
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.label_rows import discriminator_rows, draw_anew
from ignite_unlearn.metrics.membership import Attack, DiscriminatorScore, auc
from ignite_unlearn.recipes import load_recipe
from ignite_unlearn.runs.finished import Finished
from ignite_unlearn.runs.pipeline import JUDGED, instruments_of, original_of
from ignite_unlearn.runs.progress import QUIET
from ignite_unlearn.runs.run import Run, prepare_run

SAMPLES, SEEDS, ROWS = 2000, 6, 24  # images under the label; draws of each class; rows of a discriminator
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


@click.group()
def main() -> None:
    """Measures rows that are drawn for a label."""
    torch.set_num_threads(1)


@main.command("shown")
@click.argument("recipe")
@click.option("--runs", type=click.Path(path_type=Path), required=True)
@click.option("--data-root", type=click.Path(path_type=Path, exists=True))
@click.option("--classes", default="0,1,2,3,4,5,6,7,8,9", show_default=True)
@click.option("--set", "settings", multiple=True, help="As `ignite-unlearn run` takes it.")
def shown_by_rows(recipe: str, runs: Path, data_root: Path | None, classes: str, settings: tuple[str, ...]) -> None:
    """Prints, for each class, the mean and the largest share that the draws of either way leave."""
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


@main.command("told")
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.option("--data-root", type=click.Path(path_type=Path, exists=True))
def told_by_rows(run: Path, data_root: Path | None) -> None:
    """Prints the ROC AUC of members against unseen images of the class, of each GAN of a run."""
    finished = Finished.read(run, data_root=data_root, progress=QUIET)
    split = finished.run.split
    (members, labels), label = split.forget, int(split.forget[1][0])
    of_class = split.data.unseen_labels == label
    unseen, theirs = split.data.unseen[of_class], split.data.unseen_labels[of_class]
    others = ByOtherLabels(split.retain[1].unique().tolist())
    click.echo("| GAN | its own row | rows drawn anew: mean (lowest to highest) | the other labels |\n|" + " --- |" * 4)
    for name, gan in finished.gans().items():

        def told_apart(attack: Attack) -> float:
            return auc(attack(members, labels).cpu(), attack(unseen, theirs).cpu())

        score = DiscriminatorScore(gan)
        own, other = told_apart(score), told_apart(others(gan))
        drawn = []
        with borrow(gan.discriminator, seed=JUDGED, frozen_too=True):
            for _ in range(ROWS):
                for rows in discriminator_rows(gan, unseen[:16]):
                    draw_anew(rows, [label])
                drawn.append(told_apart(score))
        spread = f"{statistics.mean(drawn):.3f} ({min(drawn):.3f} to {max(drawn):.3f})"
        click.echo(f"| {name} | {own:.3f} | {spread} | {other:.3f} |")


def told(shares: list[float]) -> str:
    """Returns shares by their mean and the largest."""
    return f"{statistics.mean(shares):.4f} ({max(shares):.4f})"


if __name__ == "__main__":
    main()
