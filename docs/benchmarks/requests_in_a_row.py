"""One request after another, and after each what is left of every request so far: requests_in_a_row.md.

python docs/benchmarks/requests_in_a_row.py classes|items|tables --runs RUNS

Each run goes on from the one before (`--after`) and is kept in RUNS; what is there is not done again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import torch

from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.metrics.membership import DiscriminatorScore, NearestSample, auc
from ignite_unlearn.recipes import load_recipe
from ignite_unlearn.runs.finished import Finished
from ignite_unlearn.runs.pipeline import JUDGED, carry_out, instruments_of, original_of
from ignite_unlearn.runs.progress import QUIET
from ignite_unlearn.runs.run import Run, prepare_run
from ignite_unlearn.utils.files import write_json

SAMPLES, DRAWN, ITEMS = 500, 6000, 2  # images of each class; images among which the nearest is looked for; of a request
RECIPES = {"classes": "digits-class", "items": "digits-items"}
Row = dict[str, Any]


def chain(kind: str, runs: Path, seed: int, requests: int) -> list[Run]:
    """Carries out what is missing of a chain of requests, in an order that the seed draws, and returns its runs."""
    recipe, made = load_recipe(RECIPES[kind]), list[Run]()
    order = torch.randperm(10, generator=torch.Generator().manual_seed(seed)).tolist()
    for number in range(requests):
        out = runs / f"{kind}-s{seed}" / f"{number + 1:02}"
        class_or_items = {
            "classes": (f"classes={order[number % 10]}",),
            "items": (f"items={ITEMS}", f"first_item={number * ITEMS}"),
        }
        settings = (*class_or_items[kind], "later=200")
        earlier = Finished.read(made[-1].out, progress=QUIET).as_earlier() if made else None
        run = prepare_run(recipe, settings=settings, out=out, seed=seed, resume=True, earlier=earlier)
        if not (out / "record.json").exists():
            carry_out(run)
        made.append(run)
    return made


def shown(run: Run, gan: GAN, mask: torch.Tensor) -> tuple[float]:
    """Returns the share of images under a request's label that a classifier takes for its class."""
    label = int(run.split.data.labels[mask][0])
    with borrow(seed=JUDGED):
        images = gan.sample(SAMPLES, torch.full((SAMPLES,), label), latents=gan.sample_latents(SAMPLES))
    with torch.no_grad():
        return ((instruments_of(run).classifier(images).argmax(1) == label).float().mean().item(),)


def told(run: Run, gan: GAN, mask: torch.Tensor) -> tuple[float, float]:
    """Returns the AUC of the nearest sample and of the discriminator's score for the images of a request."""
    with borrow(seed=JUDGED):
        attacks = NearestSample(gan.sample(DRAWN)), DiscriminatorScore(gan)
    near, score = (auc(attack(run.split.data.images[mask]), attack(run.split.scoring[0])) for attack in attacks)
    return near, score


def measured(kind: str, runs: list[Run]) -> list[Row]:
    """Returns a row for each run: what is left of its request and of those before, and what it cost in FID."""
    rows, first, look = [], original_of(runs[0]).gan, {"classes": shown, "items": told}[kind]
    splits = [run.split for run in runs]
    masks = [s.forgotten if s.earlier is None else s.forgotten & ~s.earlier for s in splits]
    for number, run in enumerate(runs, 1):
        gan, samples = Finished.read(run.out, progress=QUIET).gans()["unlearned"], run.recipe.samples
        evaluation = run.recipe.task.evaluation(instruments_of(run), run.split, first, samples=samples, seed=JUDGED)
        fid, before = (evaluation(one)["fid"] for one in (gan, first))
        record = json.loads((run.out / "record.json").read_text())
        row: Row = {"request": number, "fid_ratio": fid / before, "verdict": record["verdict"]}
        row |= {
            name: [look(run, one, mask) for mask in masks[:number]] for name, one in (("left", gan), ("was", first))
        }
        rows.append(row | {name: record[name]["unlearning"] for name in ("iterations", "seconds")})
    return rows


def table(kind: str, rows: list[Row]) -> str:
    """Returns, for each request, what is left of it and, in the same GAN, of the earlier ones."""
    kinds = {"classes": ("share",), "items": ("near", "D")}[kind]
    heads = [f"its {name} (before)" for name in kinds] + [f"{name} of earlier ones" for name in kinds]
    lines = [f"| request | {' | '.join(heads)} | FID over the first original's | iterations |"]
    lines.append("| --- " * (len(heads) + 3) + "|")
    for row in rows:
        new = [f"{left:.3f} ({was:.3f})" for left, was in zip(row["left"][-1], row["was"][-1], strict=True)]
        earlier = list(zip(*row["left"][:-1], strict=True)) or [()] * len(kinds)
        ranges = [f"{min(one):.3f} to {max(one):.3f}" if one else "" for one in earlier]
        cells = [row["request"], *new, *ranges, f"{row['fid_ratio']:.2f}", row["iterations"]]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


@click.command()
@click.argument("what", type=click.Choice(["classes", "items", "tables"]))
@click.option("--runs", type=click.Path(path_type=Path), required=True)
@click.option("--seeds", default="0", show_default=True)
@click.option("--requests", default=9, show_default=True)
def main(what: str, runs: Path, seeds: str, requests: int) -> None:
    """Carries out and measures chains of requests, or prints their tables."""
    torch.set_num_threads(1)
    for seed in map(int, seeds.split(",")):
        for kind in RECIPES if what == "tables" else (what,):
            path = runs / f"{kind}-s{seed}.json"
            if what != "tables":
                write_json(path, {"rows": measured(kind, chain(kind, runs, seed, requests))})
            elif path.exists():
                rows = json.loads(path.read_text())["rows"]
                click.echo(f"\n{kind}, seed {seed}\n\n{table(kind, rows)}")


if __name__ == "__main__":
    main()
