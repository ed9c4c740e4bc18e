"""Unlearns eight small GAN families by the three-argument call, each in its own loop, and measures what comes of it.

python docs/benchmarks/families.py --runs RUNS --data-root MNIST [--retrained] [FAMILY ...]

RUNS gets a file for each GAN and classifier, and results.jsonl, a line for each GAN that is measured. What is there is
neither trained nor measured again: call it as often as you like. Trainings come one after the other, on one thread.
At its end it prints a table in Markdown of all that is there, and how many families met the goal.

A class is measured by a classifier, and items against unseen images, that the phase does not get. "At once" is the
state that the phase keeps, once it is off the trainer; later ones follow by the loop's own steps on retained data.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import click
import torch
from families_loops import FAMILIES, Family, Loop
from families_nets import CLASSES, new_classifier
from ignite.engine import Engine
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses, ForgetItems
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.metrics.membership import DiscriminatorScore, NearestSample, auc
from ignite_unlearn.recipes.data.copies import distinct_unseen
from ignite_unlearn.recipes.data.digits import load_digits
from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.recipes.data.mnist import load_small_mnist

TRAINED = {"digits": 1300, "mnist": 3000}  # images
UNSEEN = 1100  # at most; every other one goes to the phase
ITEMS = 8
EPOCH_LENGTH = 20  # of the loop that unlearns
LATER = (100, 200, 2000)  # learning steps
MEASURES, HELPS, RETRAINED, PHASE, JUDGED = 77, 78, 100, 123, 9  # seeds
NUMBERS = {
    "forgotten": "share under the forgotten label",
    "others": "accuracy of the other labels",
    "worst": "accuracy of the worst other label",
    "share": "share of 3,000 samples",
    "least": "least share of another label",
    "near_auc": "near AUC",
    "d_auc": "D AUC",
    "retained_near_auc": "near AUC of retained images",
    "retained_d_auc": "D AUC of retained images",
}
Numbers = dict[str, float]
Row = dict[str, Any]


@cache
def data_of(name: str, data_root: Path | None) -> ImageData:
    """Returns MNIST or digits, 16 x 16; what a family is not trained on is unseen, or a classifier's."""
    if name == "digits":
        return load_digits(TRAINED[name])
    return load_small_mnist(data_root, trained=8000, unseen=1500, size=16)


@dataclass(frozen=True)
class Bench:
    """Where the benchmark runs: its files, and at most how many steps a training takes."""

    runs: Path
    data_root: Path | None
    at_most: int | None
    epochs: int = 4  # of the loop that unlearns

    def steps(self, count: int) -> int:
        """Returns how many of so many steps are taken."""
        return count if self.at_most is None else min(count, self.at_most)

    def kept(self, file: str, module: nn.Module | Loop, train: Callable[[], None]) -> None:
        """Loads what a training has left, or has it trained and keeps it."""
        path = self.runs / file
        if path.exists():
            module.load_state_dict(torch.load(path, weights_only=True))
            return
        train()
        part = path.with_suffix(".part")
        torch.save(module.state_dict(), part)
        part.rename(path)  # whole, or not there

    def classifier(self, name: str, seed: int) -> nn.Module:
        """Returns a classifier of the data, in eval mode; another one for each seed."""
        with borrow(seed=seed):
            net, data = new_classifier(), data_of(name, self.data_root)
            self.kept(f"classifier-{name}-{seed}.pt", net, lambda: classify(net, data, self.steps(1500)))
        return net.eval()

    def trained(self, family: Family, file: str, images: Tensor, labels: Tensor, seed: int) -> Loop:
        """Returns a family's nets and optimisers, trained on these images."""

        def train() -> None:
            Engine(loop.step()).run(list(family.batches(images, labels, self.steps(family.steps), seed + 100)))

        with borrow(seed=seed):
            loop = family.loop()
            self.kept(file, loop, train)
        return loop


def classify(net: nn.Module, data: ImageData, steps: int) -> None:
    """Trains a classifier, on images that are moved by up to a pixel."""
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(steps):
        drawn = torch.randint(len(data.images), (64,))
        moved = torch.roll(data.images[drawn], tuple(torch.randint(-1, 2, (2,)).tolist()), (2, 3))
        loss = cross_entropy(net(moved), data.labels[drawn])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@dataclass(frozen=True)
class Request:
    """What a family of a seed is to forget; items are drawn, a class has one draw alone."""

    bench: Bench
    family: Family
    seed: int
    draw: int

    @property
    def name(self) -> str:
        """What its rows are called."""
        return self._drawn if self.bench.epochs == Bench.epochs else f"{self._drawn} {self.bench.epochs} epochs"

    @property
    def _drawn(self) -> str:
        return f"{self.family.name} s{self.seed}" + (f" d{self.draw}" if self.family.items else "")

    @cached_property
    def data(self) -> ImageData:
        """What the family is trained on, and unseen images."""
        data = data_of(self.family.data, self.bench.data_root)
        count = self.family.trained or TRAINED[self.family.data]
        unseen = torch.cat([data.images[count:], data.unseen])[-UNSEEN:]
        labels = torch.cat([data.labels[count:], data.unseen_labels])[-UNSEEN:]
        images, trained_labels = data.images[:count], data.labels[:count]
        return distinct_unseen(replace(data, images=images, labels=trained_labels, unseen=unseen, unseen_labels=labels))

    @cached_property
    def forgotten(self) -> Tensor:
        """Which training images are to be forgotten, bool ``(N,)``."""
        if self.family.forgotten is not None:
            return self.data.labels.eq(self.family.forgotten)
        order = torch.randperm(len(self.data.images), generator=torch.Generator().manual_seed(self.draw))
        return torch.isin(torch.arange(len(order)), order[:ITEMS])

    def original(self) -> Loop:
        """Returns the GAN that was trained on everything."""
        file = f"original-{self.family.name}-s{self.seed}.pt"
        return self.bench.trained(self.family, file, self.data.images, self.data.labels, self.seed)

    def retrained(self) -> Loop:
        """Returns one that never saw what is to be forgotten, of another seed."""
        file, kept = f"retrained-{self._drawn.replace(' ', '-')}.pt", ~self.forgotten
        images, labels = self.data.images[kept], self.data.labels[kept]
        return self.bench.trained(self.family, file, images, labels, RETRAINED + self.seed)

    def phase(self, gan: GAN) -> CascadedUnlearning:
        """Returns the phase, by the three-argument call."""
        unseen, labels = self.data.unseen[::2], self.data.unseen_labels[::2]
        given = (unseen, labels) if self.family.labelled else unseen
        if self.family.forgotten is None:
            return CascadedUnlearning(gan, forget=ForgetItems(self.data.images[self.forgotten]), unseen=given)
        classifier = None if self.family.labelled else self.bench.classifier(self.family.data, HELPS)
        forget = ForgetClasses({self.family.forgotten}, classifier=classifier)
        return CascadedUnlearning(gan, forget=forget, unseen=given)

    @torch.no_grad()
    def measured(self, gan: GAN) -> Numbers:
        """Returns what the GAN still shows of it, and what became of the rest."""
        with borrow(gan.generator, gan.discriminator, seed=JUDGED), torch.no_grad():
            return self._of_items(gan) if self.family.items else self._of_class(gan)

    def _of_items(self, gan: GAN) -> Numbers:
        images, unseen = self.data.images, self.data.unseen[1::2]
        numbers = {}
        for name, attack in (("near", NearestSample(gan.sample(6000))), ("d", DiscriminatorScore(gan))):
            others = attack(unseen)
            numbers[f"{name}_auc"] = auc(attack(images[self.forgotten]), others)
            numbers[f"retained_{name}_auc"] = auc(attack(images[~self.forgotten]), others)
        return numbers

    def _of_class(self, gan: GAN) -> Numbers:
        classifier, own = self.bench.classifier(self.family.data, MEASURES), self.family.forgotten
        assert own is not None
        others = [label for label in range(CLASSES) if label != own]
        if not self.family.labelled:
            shares = classifier(gan.sample(3000)).argmax(1).bincount(minlength=CLASSES) / 3000
            return {"share": shares[own].item(), "least": shares[others].min().item()}
        labels = torch.arange(CLASSES).repeat_interleave(300)
        right = (classifier(gan.sample(len(labels), labels)).argmax(1) == labels).double().view(CLASSES, -1).mean(1)
        return {
            "forgotten": right[own].item(),
            "others": right[others].mean().item(),
            "worst": right[others].min().item(),
        }


def unlearned(request: Request) -> Row:
    """Unlearns, goes on learning, and measures on the way."""
    bench, family, data, loop = request.bench, request.family, request.data, request.original()
    gan, step = loop.gan, loop.step()
    numbers = {"original": request.measured(gan)}
    phase, trainer = request.phase(gan), Engine(step)
    with borrow(seed=PHASE + request.draw):
        with phase.attach(trainer):
            learned = list(family.batches(data.images, data.labels, bench.steps(EPOCH_LENGTH), 7))
            trainer.run(learned, max_epochs=bench.epochs)
        numbers["at once"] = request.measured(gan)
        retained, taken = ~request.forgotten, 0
        batches = partial(family.batches, data.images[retained], data.labels[retained])
        for steps in LATER:
            Engine(step).run(list(batches(bench.steps(steps - taken), 8 + steps)))
            taken = steps
            numbers[f"after {steps:,}"] = request.measured(gan)
    told = {"verdict": phase.verdict.headline, "reasons": phase.verdict.reasons, "ended": phase.stopped_because}
    return {"numbers": numbers, "iterations": phase.iterations, "seconds": phase.seconds, **told}


def retrained(request: Request) -> Row:
    """Measures a GAN that never saw what is to be forgotten."""
    return {"numbers": {"retrained": request.measured(request.retrained().gan)}}


def forgot(numbers: Numbers, original: Numbers, level: Numbers | None = None) -> bool:
    """Returns whether numbers meet the goal: a share of at most .03 and the others within .03, or AUCs within .15."""
    if "near_auc" in numbers:
        return all(abs(numbers[key] - (level or {}).get(key, 0.5)) <= 0.15 for key in ("near_auc", "d_auc"))
    others = "others" if "others" in numbers else "least"
    return numbers.get("forgotten", numbers.get("share", 1.0)) <= 0.03 and numbers[others] >= original[others] - 0.03


def summary(rows: list[Row]) -> Iterator[str]:
    """Yields how many families are forgotten at once and after 100 steps, and how many verdicts fit."""
    judges = {row["request"]: row["numbers"]["retrained"] for row in rows if row["kind"] == "retrained"}
    phases = [row for row in rows if row["kind"] == "phase"]
    for words, levels in (("one half", {}), ("the retrained GAN's, where there is one", judges)):
        met = [
            all(
                forgot(row["numbers"][state], row["numbers"]["original"], levels.get(row["request"]))
                for state in ("at once", "after 100")
            )
            for row in phases
        ]
        fit = sum(row["verdict"].startswith("FORGOTTEN") == was for row, was in zip(phases, met, strict=True))
        yield f"AUCs beside {words}: forgotten {sum(met)} of {len(met)}, the verdict fits in {fit}."


def table(rows: list[Row]) -> Iterator[str]:
    """Yields the lines of the table in Markdown: a line for each number, and what the phase says beside the first."""
    judges = {row["request"]: row["numbers"] for row in rows if row["kind"] == "retrained"}
    states = ["original", "at once", *(f"after {steps:,}" for steps in LATER), *(["retrained"] if judges else [])]
    header = ["family", "figure", *states, "the phase's verdict", "iterations", "seconds"]
    yield f"| {' | '.join(header)} |"
    yield f"|{' --- |' * len(header)}"
    for row in (row for row in rows if row["kind"] == "phase"):
        numbers = row["numbers"] | judges.get(row["request"], {})
        first, told = row["request"], [row["verdict"], f"{row['iterations']}", f"{row['seconds']:.0f}"]
        for key in numbers["original"]:
            cells = [f"{numbers[state][key]:.3f}" if state in numbers else "" for state in states]
            yield f"| {' | '.join([first, NUMBERS[key], *cells, *told])} |"
            first, told = "", [""] * len(told)


@click.command()
@click.argument("families", nargs=-1, type=click.Choice([family.name for family in FAMILIES]))
@click.option("--runs", type=click.Path(path_type=Path), required=True)
@click.option("--data-root", type=click.Path(path_type=Path, exists=True), help="MNIST's folder, for families on it.")
@click.option("--seeds", default="0", show_default=True, help="Of originals.")
@click.option("--draws", default="0", show_default=True, help="Of items.")
@click.option("--retrained", "judges", is_flag=True, help="Train and measure GANs that never saw what is forgotten.")
@click.option("--epochs", default=Bench.epochs, show_default=True, help="Of the loop that unlearns.")
@click.option("--at-most", type=click.IntRange(min=1), help="Steps of any training or epoch, to try it in a moment.")
def main(
    families: tuple[str, ...], runs: Path, data_root: Path | None, seeds: str, draws: str, judges: bool,
    epochs: int, at_most: int | None,
) -> None:  # fmt: skip
    """Unlearn and measure FAMILIES, or all of them, and print the table."""
    runs.mkdir(parents=True, exist_ok=True)
    out, bench = runs / "results.jsonl", Bench(runs, data_root, at_most, epochs)
    rows = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    requests = [
        Request(bench, family, seed, draw)
        for family in FAMILIES
        if not families or family.name in families
        for seed in map(int, seeds.split(","))
        for draw in (map(int, draws.split(",")) if family.items else [0])
    ]
    kinds = {"phase": unlearned, **({"retrained": retrained} if judges else {})}
    done = {(row["kind"], row["request"]) for row in rows}
    for request in requests:
        for kind, measure in kinds.items():
            if (kind, request.name) in done:
                continue
            row = {"kind": kind, "request": request.name, **measure(request)}
            with out.open("a") as file:
                file.write(json.dumps(row) + "\n")
            rows.append(row)
            click.echo(f"{kind} {request.name}: {row['numbers']}", err=True)
    click.echo("\n".join([*table(rows), "", *summary(rows)]))


if __name__ == "__main__":
    torch.set_num_threads(1)  # as the trainings; another may run beside it
    main()
