"""Audits weights, layers and latent paths of the GANs that digits_items.py has trained, and prints a table in Markdown.

python docs/benchmarks/digits_items_audits.py --runs RUNS [--seed 0]

RUNS is the folder of digits_items.py, with the seed's original and its retrained GANs. The phase is run anew, and takes
as long as there.
"""

from __future__ import annotations

from pathlib import Path

import click
import torch
from digits_items import asked_of, retrained_gan, unlearn

from ignite_unlearn import GAN
from ignite_unlearn.audits import (
    Audit,
    ByNearestSample,
    CloserToRetrained,
    DistanceToItems,
    LayerProbes,
    Membership,
    NullDirections,
    Quantized,
)
from ignite_unlearn.metrics import latent_smoothness
from ignite_unlearn.recipes.data.split import Split
from ignite_unlearn.runs.pipeline import original_of

BESIDE, SECOND, THIRD = 100, 101, 102  # seeds of retrained GANs
ALL = range(100, 105)
SAMPLES, REGION = 20000, 200  # latents, of which so many make the items


def audits(split: Split, original: GAN, retrained: GAN, second: GAN) -> list[Audit]:
    """Returns what each GAN is asked, but for its layers."""
    items, unseen = split.forget[0], split.scoring[0]
    score = Membership(items, unseen)
    near = Membership(items, unseen, attack=ByNearestSample(calibration=split.calibration[0]))
    return [
        score,
        *(Quantized(score, bits) for bits in (16, 8, 4)),
        near,
        *(Quantized(near, bits) for bits in (8, 4)),
        NullDirections(),
        CloserToRetrained(original, retrained, DistanceToItems(items), second=second),
    ]


def paths(gan: GAN, region: torch.Tensor) -> dict[str, float]:
    """Returns lengths of latent paths, and how uneven those into the region are."""
    found = latent_smoothness(gan, region)
    return {
        "latent path length, elsewhere": found.elsewhere.value,
        "latent path length, into the items' region": found.into.value,
        "largest step of these, over their mean step": found.into.jump,
    }


def layers(gan: GAN, split: Split) -> dict[str, float]:
    """Returns the AUC of each layer's probe."""
    found = LayerProbes(split.forget[0], split.scoring[0], split.retain[0])(gan)
    return {f"probe before layer {name}": values[0] for name, values in found.details["layers"].items()}


@click.command()
@click.option("--runs", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--seed", default=0, show_default=True)
def main(runs: Path, seed: int) -> None:
    """Print the table."""
    run = asked_of(runs, "digits-items", seed=seed, items=8, first=0)
    original, split = original_of(run).gan, run.split
    unlearned = unlearn(run)[1].gan
    retrained = {of: retrained_gan(run, of).gan for of in ALL}
    print("| audit | original | unlearned | retrained |\n| --- | --- | --- | --- |", flush=True)
    for audit in audits(split, original, retrained[SECOND], retrained[THIRD]):
        found = [audit(gan) for gan in (original, unlearned, retrained[BESIDE])]
        cells = (f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]" for one in found)
        print(f"| {audit.title} | {' | '.join(cells)} |", flush=True)
    latents = original.sample_latents(SAMPLES)
    apart = torch.cdist(original.sample(SAMPLES, latents=latents).flatten(1), split.forget[0].flatten(1)).amin(1)
    region = latents[apart.argsort()[:REGION]]
    told = {
        name: paths(gan, region) | layers(gan, split) for name, gan in {0: original, 1: unlearned, **retrained}.items()
    }
    for key in told[0]:
        others = [told[of][key] for of in ALL]
        ends = f"{min(others):.3f} to {max(others):.3f}"
        print(f"| {key} | {told[0][key]:.3f} | {told[1][key]:.3f} | {ends} |", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(5)  # of the latents among which the region is looked for
    main()
