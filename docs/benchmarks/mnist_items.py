"""Measures what stands in mnist_items.md, on GANs that `ignite-unlearn run mnist-items` has trained.

python docs/benchmarks/mnist_items.py singles|choices|ablations --runs RUNS --data-root MNIST --out results.jsonl

RUNS holds a folder s{seed}-n{items} for each run. Results are appended, a line each; those that are there are not
measured again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import torch
from ignite.engine import Engine
from tqdm.auto import tqdm

from ignite_unlearn import GAN
from ignite_unlearn.metrics.fid import FID
from ignite_unlearn.recipes.stock.mnist_items import RECIPE
from ignite_unlearn.recipes.tasks.instruments import Instruments
from ignite_unlearn.recipes.tasks.item_evaluation import ItemEvaluation
from ignite_unlearn.runs.pipeline import JUDGED, instruments_of, original_of, retrained_of
from ignite_unlearn.runs.progress import QUIET
from ignite_unlearn.runs.run import Run, prepare_run
from ignite_unlearn.runs.unlearning import Unlearning

SUBSTITUTIONS = ("mean_image", "retained_neighbour", "latent_direction", "truncation", "noise")
FAKE_LABELS = ("fixed", "generated", "generated_frozen", "unseen", "unseen_frozen", "unseen_quantiles",
               "unseen_quantiles_frozen")  # fmt: skip
ABLATIONS = {
    "default": {},
    "substitution only": {"discriminator_step": "none", "generator_half": "always"},
    "fake label only": {"generator_half": "never"},
    "both halves for all items": {"generator_half": "always"},
    "gradient descent, 40 steps": {"discriminator_step": "descent", "unlearning_iterations": "40"},
    "gradient descent, 400 steps, lr 1e-3": {
        "discriminator_step": "descent",
        "unlearning_iterations": "400",
        "unlearning_lr": "1e-3",
    },
    "one step": {"unlearning_iterations": "1"},
    "four steps": {"unlearning_iterations": "4"},
    "eight steps, 128 held": {"held_rows": "128"},
    "ten learning steps before each": {"every": "10"},
    "unlearn, then learn": {"learn": "0"},
}


def asked(runs: Path, data_root: Path, seed: int, items: int, **options: Any) -> Run:
    """Returns a run whose GANs are there."""
    settings = tuple(f"{key}={value}" for key, value in {"items": items, **options}.items())
    folder = runs / f"s{seed}-n{64 if items == 1 else items}"
    return prepare_run(
        RECIPE, settings=settings, out=folder, seed=seed, data_root=data_root, resume=True, progress=QUIET
    )


def phase_of(run: Run, original: GAN, instruments: Instruments) -> Unlearning:
    """Returns a phase on a copy of the original nets."""
    gan = run.new_gan()
    gan.generator.load_state_dict(original.generator.state_dict())
    gan.discriminator.load_state_dict(original.discriminator.state_dict())
    return Unlearning(gan, run.recipe, run.split, instruments, seed=run.seed, progress=QUIET)


def singles(runs: Path, data_root: Path, seed: int, done: set[str]) -> Iterator[dict[str, Any]]:
    """Each of the first 64 items as a request of its own; its place among unseen scores before, after, retrained."""
    many = asked(runs, data_root, seed, 64)
    retrained, instruments = retrained_of(many).gan, instruments_of(many)
    for first in range(64):
        name = f"single {seed} {first}"
        if name in done:
            continue
        run = asked(runs, data_root, seed, 1, first_item=first)
        evaluation = ItemEvaluation(None, run.split, samples=run.recipe.samples, seed=JUDGED)
        original = original_of(run).gan
        result = phase_of(run, original, instruments).run(original, None)
        gans = {"original": original, "unlearned": result.gan, "retrained": retrained}
        row = {key: evaluation.membership(gan)["membership_auc"] for key, gan in gans.items()}
        yield {"name": name, "seed": seed, **row, "seconds": result.seconds + (result.inversion_seconds or 0)}


def measured(
    runs: Path, data_root: Path, seed: int, name: str, options: dict[str, str], instruments: Instruments
) -> dict[str, Any]:
    """Returns the numbers of one way to unlearn 64 items."""
    options = dict(options)
    learn = options.pop("learn", "1") == "1"
    run = asked(runs, data_root, seed, 64, **options)
    evaluation = ItemEvaluation(instruments, run.split, samples=run.recipe.samples, seed=JUDGED)
    original = original_of(run).gan
    phase = phase_of(run, original, instruments)
    if not learn:
        phase.training.engine, engine = Engine(lambda engine, batch: None), phase.training.engine
    start = time.perf_counter()
    result = phase.run(original, None)
    seconds = time.perf_counter() - start
    if not learn:
        phase.training.engine = engine
    numbers = evaluation(result.gan)
    fid = FID.distance(evaluation.features(original), evaluation.real)
    phase.go_on(200)
    later = evaluation.memory(phase.gan)
    return {"name": name, "seed": seed, "seconds": seconds, "inversion_seconds": result.inversion_seconds,
            "fid_ratio": numbers["fid"] / fid, **numbers, **{f"{k}_later": v for k, v in later.items()}}  # fmt: skip


@click.command()
@click.argument("part", type=click.Choice(["singles", "choices", "ablations"]))
@click.option("--runs", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--data-root", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--seeds", default="0,1,2", show_default=True)
def main(part: str, runs: Path, data_root: Path, out: Path, seeds: str) -> None:
    """Measure one part of the benchmark."""
    lines = out.read_text().splitlines() if out.exists() else []
    done = {json.loads(line)["name"] for line in lines}

    def keep(row: dict[str, Any]) -> None:
        with out.open("a") as file:
            file.write(json.dumps(row) + "\n")

    for seed in map(int, seeds.split(",")):
        if part == "singles":
            for row in tqdm(singles(runs, data_root, seed, done), total=64, desc=f"seed {seed}"):
                keep(row)
            continue
        instruments = instruments_of(asked(runs, data_root, seed, 64))
        ways = ABLATIONS if part == "ablations" else {
            f"{s} x {f}": {"substitution": s, "fake_label": f, "generator_half": "always"}
            for s in SUBSTITUTIONS for f in FAKE_LABELS
        }  # fmt: skip
        for way, options in tqdm(ways.items(), desc=f"seed {seed}"):
            name = f"{part} {seed} {way}"
            if name not in done:
                keep(measured(runs, data_root, seed, name, options, instruments))


if __name__ == "__main__":
    torch.set_num_threads(1)  # as the trainings; another may run beside it
    main()
