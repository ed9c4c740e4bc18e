"""Trains and measures what stands in digits_items.md: items that a generator reproduces.

python docs/benchmarks/digits_items.py originals|retrained|later|phases|ablations|tables --runs RUNS

RUNS gets a folder for each request, s{seed}-n{items}-f{first}, and results.jsonl, a line for each GAN that is measured.
What is there is neither trained nor measured again, and a training that was broken off goes on: call it as often as you
like. Trainings come one after the other, on one thread. `--recipe mnist-items-few --data-root MNIST` takes another one.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch

from ignite_unlearn import GAN, CascadedUnlearning
from ignite_unlearn.cascade.starts.fresh_discriminator import FreshDiscriminator
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.metrics.fid import FID
from ignite_unlearn.metrics.membership import DiscriminatorScore, NearestSample, auc
from ignite_unlearn.recipes import load_recipe
from ignite_unlearn.recipes.nets.nets import new_gan, trained_gan
from ignite_unlearn.recipes.tasks.item_evaluation import ItemEvaluation
from ignite_unlearn.recipes.training.gan_training import Batches, GANTraining
from ignite_unlearn.record.figures import later_numbers
from ignite_unlearn.runs.folder import RunFolder, Trained
from ignite_unlearn.runs.pipeline import JUDGED, instruments_of, original_of
from ignite_unlearn.runs.progress import QUIET
from ignite_unlearn.runs.run import Run, prepare_run
from ignite_unlearn.runs.unlearning import Unlearned, Unlearning

DRAWS = (1, 8, 16)  # items
SHOWN = ("near_auc", "membership_auc", "retained_near_auc", "retained_auc")
Row = dict[str, Any]
Asked = Callable[[int, int, int], Run]


def originals(asked: Asked, seeds: list[int], **_: Any) -> Iterator[tuple[str, Callable[[], Row]]]:
    """How well each image is told from unseen ones, as a share of these, by either attack on the original."""

    def places(seed: int) -> Row:
        run = asked(seed, 8, 0)
        trained, data = original_of(run), run.split.data
        order = torch.randperm(len(data.images), generator=torch.Generator().manual_seed(seed))  # as requests draw
        with borrow(seed=JUDGED):
            samples = trained.gan.sample(6000)
        row: Row = {"seconds": trained.seconds}
        for name, attack in (("near", NearestSample(samples)), ("D", DiscriminatorScore(trained.gan))):
            unseen = attack(run.split.scoring[0]).cpu()
            row[name] = [auc(score[None], unseen) for score in attack(data.images[order]).cpu()]
        return row

    for seed in seeds:
        yield f"original s{seed}", partial(places, seed)


def retrained(
    asked: Asked, seeds: list[int], *, items: int, first: int, trainings: int, **_: Any
) -> Iterator[tuple[str, Callable[[], Row]]]:
    """GANs that never saw the items of a request, from several seeds: their spread is what is to be met."""

    def measured(seed: int, of: int) -> Row:
        run = asked(seed, items, first)
        trained = retrained_gan(run, of)
        evaluation = ItemEvaluation(instruments_of(run), run.split, samples=run.recipe.samples, seed=JUDGED)
        ratio = fid_ratio(run, evaluation, trained.gan)
        return {"seconds": trained.seconds, "fid_ratio": ratio, **evaluation.memory(trained.gan)}

    for seed in seeds:
        for of in range(100, 100 + trainings):
            yield f"retrained s{seed} n{items} f{first} r{of}", partial(measured, seed, of)


def retrained_later(
    asked: Asked, seeds: list[int], *, items: int, first: int, trainings: int, **_: Any
) -> Iterator[tuple[str, Callable[[], Row]]]:
    """The same GANs once they have learned on, as the unlearned one has: what is to be met later."""

    def measured(seed: int, of: int) -> Row:
        run = asked(seed, items, first)
        trained = retrained_gan(run, of)
        training = GANTraining(trained.gan, run.recipe.training, unlearning=True)
        images, labels = run.split.retain
        row: Row = {"seconds": trained.seconds}
        done = 0
        for steps in (200, 2000):
            with borrow(seed=run.seed + done):
                batches = Batches(images, labels, run.recipe.training.batch_size, steps - done)
                training.engine.state.max_epochs = None
                training.engine.run(batches, max_epochs=1)
            row |= later_numbers(judged(run, trained_gan(trained.gan, training.average)), steps if done else None)
            done = steps
        return row

    for seed in seeds:
        for of in range(100, 100 + trainings):
            yield f"later s{seed} n{items} f{first} r{of}", partial(measured, seed, of)


def retrained_gan(run: Run, of: int) -> Trained:
    """Returns the GAN that was retrained from a seed without the items of a request, or trains it."""
    content = {**run.retrained.fingerprint.content, "seed": of, "request_of_seed": run.seed}
    stage = replace(run.retrained, seed=of, fingerprint=replace(run.retrained.fingerprint, content=content))
    gan = new_gan(run.recipe.nets, run.split.data, seed=of, device=run.device)
    return RunFolder(run.out / f"retrained-{of}", run.progress).retrained(gan, stage, resume=True)


def phases(
    asked: Asked, seeds: list[int], *, items: int, first: int, **_: Any
) -> Iterator[tuple[str, Callable[[], Row]]]:
    """The recipe's phase, at its end and later."""
    for seed in seeds:
        yield f"phase s{seed} n{items} f{first}", partial(unlearned, asked, seed, items, first, lambda phase: None)


def ablations(
    asked: Asked, seeds: list[int], *, items: int, first: int, **_: Any
) -> Iterator[tuple[str, Callable[[], Row]]]:
    """The same without one of its parts, or with another."""
    for seed in seeds:
        for name, change in ABLATIONS.items():
            yield f"ablation {name} s{seed} n{items} f{first}", partial(unlearned, asked, seed, items, first, change)


def unlearned(asked: Asked, seed: int, items: int, first: int, change: Callable[[Unlearning], None]) -> Row:
    """Returns what is left of a request when a changed phase ends, and later."""
    run = asked(seed, items, first)
    evaluation = ItemEvaluation(instruments_of(run), run.split, samples=run.recipe.samples, seed=JUDGED)
    phase, result = unlearn(run, change)
    row: Row = {"seconds": result.seconds, **evaluation(result.gan)}
    row |= {"iterations": result.iterations, "stopped_because": result.stopped_because}
    row["fid_ratio"] = fid_ratio(run, evaluation, result.gan)
    done = 0
    for steps in (200, 2000):
        phase.go_on(steps - done)
        row |= later_numbers(evaluation.memory(phase.released), steps if done else None)
        done = steps
    return row


def fid_ratio(run: Run, evaluation: ItemEvaluation, gan: GAN) -> float:
    """Returns the FID of a GAN over its original's, both to the retained images."""
    fid, original = (FID.distance(evaluation.features(each), evaluation.real) for each in (gan, original_of(run).gan))
    return fid / original


def unlearn(run: Run, change: Callable[[Unlearning], None] = lambda phase: None) -> tuple[Unlearning, Unlearned]:
    """Runs the recipe's phase, changed, on the run's original; returns the loop, as it was before, and what it did."""
    original, gan = original_of(run).gan, run.new_gan()
    gan.generator.load_state_dict(original.generator.state_dict())
    gan.discriminator.load_state_dict(original.discriminator.state_dict())
    phase = Unlearning(gan, run.recipe, run.split, instruments_of(run), seed=run.seed, progress=run.progress)
    learn = phase.training.learn
    change(phase)
    result = phase.run(original, None)
    phase.training.learn = learn  # type: ignore[method-assign]
    return phase, result


def no_fake_label(phase: Unlearning) -> None:
    """Leaves the discriminator to the loop."""
    cascade(phase).step.discriminator_half = lambda *_: {}  # type: ignore[method-assign]


def no_substitution(phase: Unlearning) -> None:
    """Leaves the generator to the loop."""
    cascade(phase).step.generator_half = lambda *_: {}  # type: ignore[method-assign]


def no_learning(phase: Unlearning) -> None:
    """Takes unlearning steps alone."""
    phase.training.learn = lambda batch: {}  # type: ignore[method-assign]


def fresh_discriminator(phase: Unlearning) -> None:
    """Begins with a discriminator that never saw the items."""
    split = phase._split
    cascade(phase).start = FreshDiscriminator(split.retain[0])


def fresh_discriminator_alone(phase: Unlearning) -> None:
    """Leaves both nets to the loop after that."""
    for change in (fresh_discriminator, no_substitution, no_fake_label):
        change(phase)


def cascade(phase: Unlearning) -> CascadedUnlearning:
    """Returns the phase of the loop."""
    assert isinstance(phase.phase, CascadedUnlearning)
    return phase.phase


ABLATIONS = {
    "substitution alone": no_fake_label,
    "fake label alone": no_substitution,
    "no learning steps": no_learning,
    "fresh discriminator alone": fresh_discriminator_alone,
    "all, and a fresh discriminator": fresh_discriminator,
}
PARTS = {
    "originals": originals,
    "retrained": retrained,
    "later": retrained_later,
    "phases": phases,
    "ablations": ablations,
}


def asked_of(
    runs: Path,
    recipe: str,
    settings: tuple[str, ...] = (),
    *,
    seed: int,
    items: int,
    first: int,
    data_root: Path | None = None,
) -> Run:
    """Returns the run of a request, in its folder."""
    return prepare_run(
        load_recipe(recipe),
        settings=(*settings, f"items={items}", f"first_item={first}"),
        out=runs / f"s{seed}-n{items}-f{first}",
        seed=seed,
        data_root=data_root,
        resume=True,
        progress=QUIET,
    )


def judged(run: Run, gan: GAN) -> Row:
    """Returns what a record tells of a GAN's memory; distances of images need judges, and are left out."""
    return ItemEvaluation(None, run.split, samples=run.recipe.samples, seed=JUDGED).memory(gan)


def tables(rows: list[Row]) -> None:
    """Prints the tables in Markdown."""
    print("| seed | items | draws | near: mean (lowest to highest) | of at least .90 | D: mean (lowest to highest) |")
    print("| --- | --- | --- | --- | --- | --- |")
    for row in (row for row in rows if row["name"].startswith("original ")):
        for items in DRAWS:
            near, scores = (
                [statistics.mean(row[attack][i : i + items]) for i in range(0, len(row[attack]) - items + 1, items)]
                for attack in ("near", "D")
            )
            met = sum(value >= 0.9 for value in near)
            print(f"| {row['name'][10:]} | {items} | {len(near)} | {spread(near)} | {met} | {spread(scores)} |")
    measured = {"retrained": ("",), "later": ("_later", "_later_2000")}
    for kind in ("retrained", "later", "phase", "ablation"):
        found = [row for row in rows if row["name"].startswith(kind)]
        endings = measured.get(kind, ("", "_later", "_later_2000"))
        for ending in endings if found else ():
            print(f"\n| {kind}{ending.replace('_', ' ')} | {' | '.join(SHOWN)} | FID ratio | iterations | seconds |")
            print(f"|{' --- |' * (len(SHOWN) + 4)}")
            for row in found:
                cells = (f"{row[key + ending]:.3f}" for key in SHOWN)
                ratio = f"{row['fid_ratio']:.2f}" if "fid_ratio" in row else ""
                last = f"{ratio} | {row.get('iterations', '')} | {row['seconds']:.0f}"
                print(f"| {row['name']} | {' | '.join(cells)} | {last} |")


def spread(values: list[float]) -> str:
    """Returns numbers by their mean and their ends."""
    return f"{statistics.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


@click.command()
@click.argument("part", type=click.Choice([*PARTS, "tables"]))
@click.option("--runs", type=click.Path(path_type=Path), required=True)
@click.option("--recipe", default="digits-items", show_default=True)
@click.option("--data-root", type=click.Path(path_type=Path, exists=True))
@click.option("--seeds", default="0,1,2", show_default=True)
@click.option("--items", default=8, show_default=True)
@click.option("--first", default=0, show_default=True, help="Of the items, in the seed's order.")
@click.option("--trainings", default=5, show_default=True, help="Retrained GANs for each seed.")
@click.option("--set", "settings", multiple=True, help="As `ignite-unlearn run` takes it; give it a folder of its own.")
def main(
    part: str, runs: Path, recipe: str, data_root: Path | None, seeds: str, settings: tuple[str, ...], **options: int
) -> None:
    """Train and measure one part of the benchmark, or print its tables."""
    runs.mkdir(parents=True, exist_ok=True)
    out = runs / "results.jsonl"
    rows = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    if part == "tables":
        tables(rows)
        return

    def asked(seed: int, items: int, first: int) -> Run:
        return asked_of(runs, recipe, settings, seed=seed, items=items, first=first, data_root=data_root)

    done = {row["name"] for row in rows}
    for name, measure in PARTS[part](asked, [int(seed) for seed in seeds.split(",")], **options):
        if name in done:
            continue
        row = {"name": name, **measure()}
        with out.open("a") as file:
            file.write(json.dumps(row) + "\n")
        told = {key: round(value, 3) for key, value in row.items() if isinstance(value, float)}
        print(name, told, flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)  # as the trainings; another may run beside it
    main()
