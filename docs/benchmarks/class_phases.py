"""Ways to shorten the phase of class unlearning, on GANs that `ignite-unlearn table` or `run` has left in a folder.

python docs/benchmarks/class_phases.py RUN [RUN ...] --data-root MNIST [--set precision=bfloat16]

Prints a table in Markdown: what is left of the class, FID beside the original's, what a search still
finds (128 searches), and the seconds of the phase. Each RUN is a folder with `original.pt` of `mnist-class`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

import click

from ignite_unlearn import GAN
from ignite_unlearn.audits import Realism, Recovery
from ignite_unlearn.recipes.settings import shown
from ignite_unlearn.recipes.tasks.instruments import Instruments
from ignite_unlearn.runs.finished import Finished
from ignite_unlearn.runs.progress import QUIET
from ignite_unlearn.runs.run import Run, prepare_run
from ignite_unlearn.runs.unlearning import Unlearning

BY_STEPS = {"start": "none", "unlearning_steps": 4, "unlearning_iterations": 15, "judge_every": 1}
VARIANTS: dict[str, dict[str, Any]] = {
    "default: closed form, one generator step an iteration": {},
    "closed form alone, no step of either net": {"unlearning_lr": 0.0, "embedding_lr": 0.0},
    "closed form, four generator steps": {"unlearning_steps": 4},
    "closed form, ten iterations": {"judge_every": 10},
    "closed form, batches of 16": {"unlearning_batch_size": 16},
    "closed form, batches of 64": {"unlearning_batch_size": 64},
    "no closed form, four generator steps, judged at each iteration": BY_STEPS,
    "the same, two generator steps": {**BY_STEPS, "unlearning_steps": 2},
    "the same, one generator step": {**BY_STEPS, "unlearning_steps": 1},
    "the same, sixteen generator steps": {**BY_STEPS, "unlearning_steps": 16},
    "no closed form, the embedding alone": {**BY_STEPS, "unlearning_lr": 0.0},
    "no closed form, all but the embedding": {
        **BY_STEPS, "embedding_lr": 0.0, "unlearning_lr": 1e-3, "unlearning_eps": 1e-4,
    },
}  # fmt: skip


def searched(run: Run, instruments: Instruments, gan: GAN) -> float:
    """Returns the share of searches that find the forgotten class."""
    search = Recovery(
        instruments.guide,
        run.recipe.task.classes,
        confirm=instruments.classifier,
        realistic=Realism(instruments.extractor.model, run.split.forget[0]),
        restarts=128,
        progress=False,
    )
    found = search(gan).value
    assert found is not None
    return found


def measured(folder: Path, data_root: Path, settings: tuple[str, ...], names: list[str]) -> dict[str, list[float]]:
    """Returns the figures of each variant, and of the original and the retrained GAN, on one run's GANs."""
    kept = Finished.read(folder, data_root=data_root, progress=QUIET)
    settings = (*settings, f"classes={shown(kept.run.recipe.task.classes)}")
    asked = partial(
        prepare_run, kept.run.recipe, out=folder, seed=kept.run.seed, data_root=data_root, resume=True, progress=QUIET
    )
    base = asked(settings=settings)
    gans, instruments = kept.gans(), kept.instruments()
    evaluation = partial(base.recipe.task.evaluation, instruments, base.split, gans["original"])
    final: Any = evaluation(samples=200, seed=777)
    before = final.quick(gans["original"])["fid"]

    def figures(gan: GAN, seconds: float, iterations: float) -> list[float]:
        numbers = final.quick(gan)
        search = searched(base, instruments, gan)
        return [numbers["forgotten_share"], numbers["fid"] / before, search, seconds, iterations]

    found = {name: figures(gans[name], float("nan"), float("nan")) for name in ("original", "retrained")}
    for name in names:
        run = asked(settings=(*settings, *(f"{key}={shown(value)}" for key, value in VARIANTS[name].items())))
        watch = run.recipe.stop.evaluation(partial(evaluation, seed=54321))
        gan = run.new_gan()
        gan.generator.load_state_dict(gans["original"].generator.state_dict())
        gan.discriminator.load_state_dict(gans["original"].discriminator.state_dict())
        unlearning = Unlearning(gan, run.recipe, run.split, instruments, seed=run.seed, progress=QUIET)
        phase = unlearning.run(gans["original"], watch)
        found[name] = figures(phase.gan, phase.seconds, phase.iterations)
    return found


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--data-root", type=click.Path(path_type=Path), required=True)
@click.option("--set", "settings", multiple=True)
def main(runs: tuple[Path, ...], data_root: Path, settings: tuple[str, ...]) -> None:
    """Prints the table."""
    found = [measured(run, data_root, settings, list(VARIANTS)) for run in runs]
    header = ["phase", "forgotten share", "FID / original's", "found by search", "seconds", "iterations"]
    print(f"| {' | '.join(header)} |\n|{' --- |' * len(header)}")
    for name in found[0]:
        columns = list(zip(*(one[name] for one in found), strict=True))
        cells = [f"{mean(values):.4g}" if values[0] == values[0] else "" for values in columns]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
