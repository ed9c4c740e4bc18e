"""Measures what stands in shadow_attack.md: a per-example attack on unlearned GANs, with shadow GANs.

python docs/benchmarks/shadow_attack.py train --runs RUNS
python docs/benchmarks/shadow_attack.py unlearn|attack --runs RUNS --phase PHASE

PHASE is learning, learning-long, cascade, twice or by-itself.

Shadows that are there are not made again, so each part can be stopped and called once more, also with more shadows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import torch
from ignite.engine import Engine
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import softplus
from tqdm.auto import tqdm

from ignite_unlearn import GAN, CascadedUnlearning, ForgetItems
from ignite_unlearn.audits import (
    ByDiscriminatorScore,
    ByNearestSample,
    ShadowAttack,
    TargetStatus,
    draw_status,
    quantile_logits,
    two_halves,
)
from ignite_unlearn.audits.attacks import attack_scores
from ignite_unlearn.cascade import Fixed, FreshDiscriminator, RetainedNeighbour
from ignite_unlearn.forget import LatentSearch
from ignite_unlearn.metrics.linear_probe import LinearProbe
from ignite_unlearn.metrics.membership import Attack

TARGETS, REST, FOR_PHASE, FOR_QUANTILES = 48, 32, 500, 800
LATENTS, BATCH, PENALTY = 32, 32, 0.3
ITERATIONS, PHASE, LATER = 1500, 100, 200  # of training, of a phase, and after it
LONG, AS_LONG = 4000, 2700  # at most, of the phase that ends by itself; and of learning on for as long as it takes
SAMPLES, HALVES = 4000, 500  # of the attack
HEAD = (
    "| when | statistic | AUC | TPR at 1 % FPR | targets by KS | epsilon |",
    "| --- | --- | --- | --- | --- | --- |",
)


class Images:
    """The digits, 8x8 pixels in [-1, 1], in four parts that share no image."""

    def __init__(self) -> None:
        images = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 8 - 1
        images = images[torch.randperm(len(images), generator=torch.Generator().manual_seed(0))]
        sizes = [TARGETS, REST, FOR_PHASE, FOR_QUANTILES]
        self.targets, self.rest, self.for_phase, self.for_quantiles = images[: sum(sizes)].split(sizes)

    def trained_on(self, status: Tensor) -> Tensor:
        """Returns a shadow's training images."""
        return torch.cat([self.rest, self.targets[status != TargetStatus.OUT]])

    def kept(self, status: Tensor) -> Tensor:
        """Returns the training images that are not to be forgotten."""
        return torch.cat([self.rest, self.targets[status == TargetStatus.IN]])

    def forgotten(self, status: Tensor) -> Tensor:
        """Returns those that are."""
        return self.targets[status == TargetStatus.UNLEARNED]


class Shadow:
    """A small DCGAN in a loop of its own, as a user would write it."""

    def __init__(self, seed: int):
        torch.manual_seed(seed)
        self.generator = nn.Sequential(
            nn.Linear(LATENTS, 64 * 4, bias=False), nn.Unflatten(1, (64, 2, 2)), nn.BatchNorm2d(64), nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
            nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.Tanh(),
        )  # fmt: skip
        self.discriminator = nn.Sequential(
            nn.Conv2d(1, 32, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(32, 64, 4, 2, 1), nn.LeakyReLU(0.2),
            nn.Flatten(), nn.Linear(256, 1), nn.Flatten(0),
        )  # fmt: skip
        nets = (self.generator, self.discriminator)
        self.optimizers = [torch.optim.Adam(net.parameters(), 2e-3, betas=(0.5, 0.99), fused=True) for net in nets]
        self.trainer = Engine(self.learn)

    def learn(self, engine: Engine, real: Tensor) -> None:
        """Takes the loop's learning step."""
        of_generator, of_discriminator = self.optimizers
        fake = self.generator(torch.randn(len(real), LATENTS))
        real = real.clone().requires_grad_()
        scores = self.discriminator(real)
        (slope,) = torch.autograd.grad(scores.sum(), real, create_graph=True)
        penalty = PENALTY * slope.square().flatten(1).sum(1).mean()
        of_discriminator.zero_grad()
        (softplus(-scores).mean() + softplus(self.discriminator(fake.detach())).mean() + penalty).backward()
        of_discriminator.step()
        of_generator.zero_grad()
        softplus(-self.discriminator(fake)).mean().backward()
        of_generator.step()

    def run(self, images: Tensor, iterations: int, seed: int) -> None:
        """Runs the loop on batches of these images."""
        self.trainer.run(batches(images, iterations, seed), max_epochs=1, epoch_length=iterations)

    def state(self) -> dict[str, Any]:
        """Returns all that the loop needs to go on."""
        nets = {"generator": self.generator.state_dict(), "discriminator": self.discriminator.state_dict()}
        return {**nets, "optimizers": [optimizer.state_dict() for optimizer in self.optimizers]}

    def load(self, state: dict[str, Any]) -> Shadow:
        """Goes on from such a state."""
        self.generator.load_state_dict(state["generator"])
        self.discriminator.load_state_dict(state["discriminator"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        return self


def batches(images: Tensor, iterations: int, seed: int) -> Iterator[Tensor]:
    """Yields so many batches."""
    random = torch.Generator().manual_seed(seed)
    for _ in range(iterations):
        yield images[torch.randint(len(images), (BATCH,), generator=random)]


def save(state: dict[str, Any], path: Path) -> None:
    """Writes a file that is there whole or not at all."""
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)


def kept_at(runs: Path, stage: str, number: int) -> Path:
    """Returns where a shadow is kept, at one stage of its life."""
    return runs / f"{stage}-{number:03}.pt"


def shadow_at(runs: Path, stage: str, number: int) -> Shadow:
    """Returns a shadow as it was at one stage of its life."""
    return Shadow(number).load(torch.load(kept_at(runs, stage, number), weights_only=True))


def train(runs: Path, number: int, status: Tensor, images: Images) -> None:
    """Trains a shadow on all but its OUT targets."""
    shadow, start = Shadow(number), time.perf_counter()
    shadow.run(images.trained_on(status), ITERATIONS, number)
    save({**shadow.state(), "seconds": time.perf_counter() - start}, kept_at(runs, "trained", number))


def cascade(gan: GAN, forgotten: Tensor, kept: Tensor, unseen: Tensor) -> CascadedUnlearning:
    """Returns the phase under attack."""
    return CascadedUnlearning(
        gan, forget=ForgetItems(forgotten, unseen=unseen, search=LatentSearch()), substitution=RetainedNeighbour(),
        fake_label=Fixed(0.0), start=FreshDiscriminator(kept), discriminator_step=lambda *_: {}, generator_steps=4,
        max_iterations=PHASE, anchor=8.0,
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=5e-4, betas=(0.5, 0.99), eps=5e-3),
    )  # fmt: skip


def by_itself(gan: GAN, forgotten: Tensor, kept: Tensor, unseen: Tensor) -> CascadedUnlearning:
    """Returns the phase that chooses its parts and ends by itself."""
    return CascadedUnlearning(gan, forget=ForgetItems(forgotten), unseen=unseen)


# The stage that it begins with, a phase, and its iterations; None: the loop goes on with kept images, and nothing else.
PHASES = {
    "learning": ("trained", None, PHASE),
    "learning-long": ("trained", None, AS_LONG),
    "cascade": ("trained", cascade, PHASE),
    "twice": ("cascade-later", cascade, PHASE),
    "by-itself": ("trained", by_itself, LONG),
}


def unlearn(runs: Path, name: str, number: int, status: Tensor, images: Images) -> None:
    """Has a shadow forget its UNLEARNED targets, and then learn on without them."""
    stage, make, iterations = PHASES[name]
    shadow, kept = shadow_at(runs, stage, number), images.kept(status)
    torch.manual_seed(number)
    start = time.perf_counter()
    if make is None:
        shadow.run(kept, iterations, number)
    else:
        unlearning = make(gan_of(shadow), images.forgotten(status), kept, images.for_phase)
        unlearning.measured = True  # by the attack
        with unlearning.attach(shadow.trainer):
            shadow.run(images.trained_on(status), iterations, number)
    save({**shadow.state(), "seconds": time.perf_counter() - start}, kept_at(runs, f"{name}-now", number))
    shadow.run(kept, LATER, number)
    save({**shadow.state(), "seconds": time.perf_counter() - start}, kept_at(runs, f"{name}-later", number))


def gan_of(shadow: Shadow) -> GAN:
    """Returns the library's view of a shadow."""
    return GAN(shadow.generator, shadow.discriminator, latents=(LATENTS,), trained=shadow.optimizers)


class ByProbe:
    """A linear probe of the discriminator's last hidden features, taught on images that are no targets."""

    key, title = "probe", "linear probe"

    def __init__(self, images: Images):
        self.images = images

    def __call__(self, gan: GAN) -> Attack:
        """Returns the attack on a GAN."""
        hidden = nn.Sequential(*list(gan.discriminator.children())[:-2])
        return LinearProbe(hidden, self.images.rest, self.images.for_phase)


def statistics(runs: Path, stage: str, shadows: int, images: Images) -> dict[str, Tensor]:
    """Returns what each statistic says of each target in each shadow, ``(N, T)``; all together, ``(N, T, 3)``."""
    found: dict[str, list[Tensor]] = {}
    for number in tqdm(range(shadows), desc=stage):
        gan = gan_of(shadow_at(runs, stage, number))
        for attack in (ByDiscriminatorScore(), ByNearestSample(samples=SAMPLES), ByProbe(images)):
            both = attack_scores(gan, attack, images.targets, images.for_quantiles, None, None, seed=0)
            found.setdefault(attack.title, []).append(quantile_logits(*both))
    single = {name: torch.stack(rows) for name, rows in found.items()}
    return {**single, "all together": torch.stack(list(single.values()), 2)}


def row(when: str, statistic: str, attack: ShadowAttack) -> str:
    """Returns a line of a table."""
    found = attack.rates(halves=HALVES)
    cells = [f"{value:.3f} [{low:.3f}, {high:.3f}]" for value, low, high in (found.auc, found.tpr)]
    if attack.values.dim() == 2:  # one statistic
        p_values = attack.p_values()
        cells += [f"{int((p_values <= 0.05).sum())} of {len(p_values)}", f"{attack.epsilons().mean():.2f}"]
    else:
        cells += ["", ""]
    return f"| {' | '.join([when, statistic, *cells])} |"


def tables(runs: Path, name: str, shadows: int, images: Images) -> Iterator[str]:
    """Yields the lines of the tables: each kind of target, before any phase, at the end of this one, and later."""
    status = draw_status(shadows, TARGETS)
    stages = {"before": "trained", "now": f"{name}-now", "later": f"{name}-later"}
    at = {when: statistics(runs, stage, shadows, images) for when, stage in stages.items()}
    noise = torch.randn(status.shape, generator=torch.Generator().manual_seed(7))  # no stream of the halves'
    kinds: dict[str, Callable[[Tensor], ShadowAttack]] = {
        "unlearned": lambda values: ShadowAttack(values, status),
        "kept": lambda values: ShadowAttack(values, status, member=TargetStatus.IN),
        "out, halved": lambda values: ShadowAttack(values, two_halves(status)),
    }
    for kind, attack in kinds.items():
        yield from ("", f"{kind} against out", "", *HEAD)
        for when, found in at.items():
            yield from (row(when, statistic, attack(values)) for statistic, values in found.items())
        yield row("", "random numbers", attack(noise))
    yield from ("", "unlearned, at the end of the phase, against out, before it", "", *HEAD)
    for statistic, values in at["now"].items():
        out = (status == TargetStatus.OUT).view(*status.shape, *[1] * (values.dim() - 2))
        yield row("", statistic, ShadowAttack(torch.where(out, at["before"][statistic], values), status))


@click.command()
@click.argument("part", type=click.Choice(["train", "unlearn", "attack"]))
@click.option("--runs", type=click.Path(path_type=Path), required=True, help="Where shadows are kept.")
@click.option("--shadows", default=60, show_default=True)
@click.option("--phase", type=click.Choice(list(PHASES)), default="cascade", show_default=True)
def main(part: str, runs: Path, shadows: int, phase: str) -> None:
    """Make one part of the benchmark."""
    runs.mkdir(parents=True, exist_ok=True)
    images = Images()
    if part == "attack":
        click.echo("\n".join(tables(runs, phase, shadows, images)))
        return
    for number, status in enumerate(tqdm(draw_status(shadows, TARGETS), desc=part)):
        if part == "train" and not kept_at(runs, "trained", number).exists():
            train(runs, number, status, images)
        if part == "unlearn" and not kept_at(runs, f"{phase}-later", number).exists():
            unlearn(runs, phase, number, status, images)


if __name__ == "__main__":
    torch.set_num_threads(1)  # another may run beside it
    main()
