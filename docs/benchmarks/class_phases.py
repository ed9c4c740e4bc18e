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

from ignite_unlearn.audits import Realism, Recovery
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.recipes.recipe import parse_options
from ignite_unlearn.recipes.settings import show_value
from ignite_unlearn.runs.class_phase import unlearn_classes
from ignite_unlearn.runs.evaluations import class_evaluation
from ignite_unlearn.runs.finished import Finished
from ignite_unlearn.runs.judges import Judges
from ignite_unlearn.runs.kept_judges import kept_judges
from ignite_unlearn.runs.request import Request, check_request
from ignite_unlearn.runs.shelf import Shelf

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


def searched(request: Request, judges: Judges, gan: GAN) -> float:
    """Returns the share of searches that find the forgotten class."""
    search = Recovery(
        judges.guide,
        request.options["classes"],
        confirm=judges.classifier,
        realistic=Realism(judges.extractor.model, request.data.images[request.forgotten]),
        restarts=128,
        progress=False,
    )
    found = search(gan).value
    assert found is not None
    return found


def measured(run: Path, data_root: Path, settings: tuple[str, ...], names: list[str]) -> dict[str, list[float]]:
    """Returns the figures of each variant, and of the original and the retrained GAN, on one run's GANs."""
    kept = Finished.read(run, data_root=data_root, progress=False)
    settings = (*settings, f"classes={show_value(kept.request.options['classes'])}")
    where: dict[str, Any] = {"out": run, "seed": kept.request.seed, "data_root": data_root}
    asked = partial(check_request, kept.request.recipe, **where, resume=True, progress=False)
    base = asked(settings=settings)
    gans, judges = kept.gans(), kept_judges(base)
    final = class_evaluation(base, judges, gans["original"], samples=200, seed=777)
    before = final.quick(gans["original"])["fid"]

    def figures(gan: GAN, seconds: float, iterations: float) -> list[float]:
        numbers = final.quick(gan)
        search = searched(base, judges, gan)
        return [numbers["forgotten_share"], numbers["fid"] / before, search, seconds, iterations]

    found = {name: figures(gans[name], float("nan"), float("nan")) for name in ("original", "retrained")}
    for name in names:
        options = parse_options(base.recipe, settings) | VARIANTS[name]
        request = asked(settings=tuple(f"{key}={show_value(value)}" for key, value in options.items()))
        watch = class_evaluation(request, judges, gans["original"], samples=options["judge_samples"], seed=54321)
        nets = Shelf(request).nets()
        for net, state in zip(nets, (gans["original"].generator, gans["original"].discriminator), strict=True):
            net.load_state_dict(state.state_dict())
        phase = unlearn_classes(request, *nets, watch, gans["original"], judges.guide)
        found[name] = figures(phase.gan, phase.seconds, phase.iterations)
    return found


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--data-root", type=click.Path(path_type=Path), required=True)
@click.option("--set", "settings", multiple=True)
def main(runs: tuple[Path, ...], data_root: Path, settings: tuple[str, ...]) -> None:
    """Prints the table."""
    found = [measured(run, data_root, settings, list(VARIANTS)) for run in runs]
    header = ["", "forgotten share", "FID / original's", "found by search", "seconds", "iterations"]
    print(f"| {' | '.join(header)} |\n|{' --- |' * len(header)}")
    for name in found[0]:
        columns = list(zip(*(one[name] for one in found), strict=True))
        cells = [f"{mean(values):.4g}" if values[0] == values[0] else "" for values in columns]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
