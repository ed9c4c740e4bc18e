"""Does a class stay gone while a loop goes on for long with its images in the data and its label among those it draws?

python docs/benchmarks/all_labels.py --runs RUNS --data-root MNIST [FAMILY ...]

The labelled families of families.py, but every loop draws the labels of generated images from all ten, and its data
still holds the forgotten class: all that keeps it away is the handler, which stays on for 2,000 learning steps.
RUNS is that of families.py, whose trained GANs are taken; it gets all_labels.jsonl, a line for each measurement.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import torch
from families import EPOCH_LENGTH, PHASE, Bench, Request
from families_loops import FAMILIES, Loop
from families_nets import CLASSES
from ignite.engine import Engine
from torch import Tensor

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses
from ignite_unlearn.cascade import UntrainedLabel
from ignite_unlearn.gan.borrow import borrow

LATER = (200, 2000)  # learning steps
# A Wasserstein loop draws none: its penalty mixes real and generated images under the same labels.
LABELLED = [family for family in FAMILIES if family.labelled and family.loss != "wasserstein"]


class DrawsAllLabels(Loop):
    """A family's loop that draws the labels of generated images from all ten."""

    def _asked(self, labels: Tensor | None) -> Tensor | None:
        return None if labels is None else torch.randint(CLASSES, (len(labels),))


def by_itself(request: Request, gan: GAN) -> CascadedUnlearning:
    """Returns the phase of the three-argument call."""
    return request.phase(gan)


def untrained(request: Request, gan: GAN) -> CascadedUnlearning:
    """Returns the same, but for a label that shows what nobody trained."""
    own, shown, data = request.family.forgotten, UntrainedLabel(), request.data
    assert own is not None
    unseen = data.unseen[::2], data.unseen_labels[::2]
    return CascadedUnlearning(gan, forget=ForgetClasses({own}), unseen=unseen, substitution=shown, start=shown.start)


Make = Callable[[Request, GAN], CascadedUnlearning]
PHASES: dict[str, Make] = {"by itself": by_itself, "untrained": untrained}


def measured(request: Request, make: Make) -> dict[str, Any]:
    """Unlearns, goes on with the handler attached, and measures on the way."""
    found, family, data, steps = request.original(), request.family, request.data, request.bench.steps
    loop = DrawsAllLabels(family, found.generator, found.discriminator, found.generators, found.discriminators)
    gan, trainer, numbers = loop.gan, Engine(loop.step()), {"original": request.measured(loop.gan)}
    phase = make(request, gan)
    with borrow(seed=PHASE), phase.attach(trainer):
        learned = list(family.batches(data.images, data.labels, steps(EPOCH_LENGTH), 7))
        trainer.run(learned, max_epochs=request.bench.epochs)
        numbers["at once"] = request.measured(gan)
        taken = 0
        for later in LATER:
            trainer.state.max_epochs = None
            trainer.run(list(family.batches(data.images, data.labels, steps(later - taken), 8 + later)), max_epochs=1)
            taken = later
            numbers[f"after {later:,}"] = request.measured(gan)
    return {"numbers": numbers, "iterations": phase.iterations}


@click.command()
@click.argument("families", nargs=-1, type=click.Choice([family.name for family in LABELLED]))
@click.option("--runs", type=click.Path(path_type=Path), required=True)
@click.option("--data-root", type=click.Path(path_type=Path, exists=True), help="MNIST's folder, for families on it.")
@click.option("--at-most", type=click.IntRange(min=1), help="Steps of any training or epoch, to try it in a moment.")
def main(families: tuple[str, ...], runs: Path, data_root: Path | None, at_most: int | None) -> None:
    """Unlearn and measure FAMILIES, or all that take labels, and print a table in Markdown."""
    runs.mkdir(parents=True, exist_ok=True)
    out = runs / "all_labels.jsonl"
    rows = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    done = {(row["family"], row["phase"]) for row in rows}
    for family in LABELLED:
        for name, make in PHASES.items():
            if (families and family.name not in families) or (family.name, name) in done:
                continue
            request = Request(Bench(runs, data_root, at_most), family, 0, 0)
            rows.append({"family": family.name, "phase": name, **measured(request, make)})
            with out.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
    states = " | ".join(["original", "at once", *(f"after {steps:,}" for steps in LATER)])
    click.echo(f"| family | phase | iterations | forgotten label: {states} | other labels, after {LATER[-1]:,} |")
    click.echo(f"|{' --- |' * (6 + len(LATER))}")
    for row in (row for row in rows if row["family"] in {family.name for family in LABELLED}):
        numbers = row["numbers"]
        shares = " | ".join(f"{found['forgotten']:.3f}" for found in numbers.values())
        others = numbers[f"after {LATER[-1]:,}"]["others"]
        click.echo(f"| {row['family']} | {row['phase']} | {row['iterations']} | {shares} | {others:.3f} |")


if __name__ == "__main__":
    torch.set_num_threads(1)  # as the trainings; another may run beside it
    main()
