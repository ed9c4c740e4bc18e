"""The unlearning phase of the stock recipes: what a user would write, with the choices taken from options."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.fake_labels import Between, FakeLabel, Fixed, Generated, Unseen
from ignite_unlearn.forget import ForgetClasses
from ignite_unlearn.gan import GAN
from ignite_unlearn.handlers.cascade import CascadedUnlearning
from ignite_unlearn.handlers.stopping import StopWhenForgotten
from ignite_unlearn.recipes.evaluation import Evaluation
from ignite_unlearn.recipes.recipe import ImageData
from ignite_unlearn.recipes.stages import show_progress
from ignite_unlearn.recipes.training import Batches, GANTraining
from ignite_unlearn.substitution import MeanImage, OtherClass, RetainedNeighbour, Substitution

SUBSTITUTIONS: dict[str, Callable[[], Substitution]] = {
    "other_class": OtherClass,
    "mean_image": MeanImage,
    "retained_neighbour": RetainedNeighbour,
}
FAKE_LABELS: dict[str, Callable[[Tensor, Tensor], FakeLabel]] = {
    "between": lambda images, labels: Between(Generated(samples=32), Unseen(images, labels, samples=32)),
    "unseen": lambda images, labels: Unseen(images, labels),
    "unseen_frozen": lambda images, labels: Unseen(images, labels, live=False),
    "generated": lambda images, labels: Generated(),
    "generated_frozen": lambda images, labels: Generated(live=False),
    "fixed": lambda images, labels: Fixed(-1.0),
}


@dataclass(frozen=True)
class PhaseResult:
    """What a phase did: its seconds, judging included, its iterations, and why it stopped."""

    seconds: float
    iterations: int
    stopped_because: str


def choose(kind: str, name: str, choices: Mapping[str, Any]) -> Any:
    """Returns the choice of this name.

    Raises:
        UnlearningError: if there is none.
    """
    if name not in choices:
        raise UnlearningError(f"--set {kind}={name} is not known: choose of {', '.join(choices)}.")
    return choices[name]


def run_phase(
    training: GANTraining,
    data: ImageData,
    options: Mapping[str, Any],
    evaluation: Evaluation,
    *,
    seed: int,
    progress: bool = True,
) -> PhaseResult:
    """Runs the unlearning phase on a trained GAN; afterwards ``training.average`` is the unlearned generator.

    Args:
        training: the trained GAN in a loop for unlearning.
        data: real data; the loop runs over its training images, forget set included.
        options: of the recipe.
        evaluation: judges when it is time to stop.
        seed: of the phase and of the loop.
        progress: whether to show a bar.
    """
    start = time.perf_counter()
    classes = data.classes
    gan = GAN(training.generator, training.discriminator, latents=(training.latent,), labels=classes)
    released = GAN(training.average, training.discriminator, latents=(training.latent,), labels=classes)
    embedding = getattr(training.generator, "embedding", None)
    unlearning = CascadedUnlearning(
        gan,
        forget=ForgetClasses(options["classes"]),
        substitution=choose("substitution", options["substitution"], SUBSTITUTIONS)(),
        fake_label=choose("fake_label", options["fake_label"], FAKE_LABELS)(data.unseen, data.unseen_labels),
        optimizer=_optimizer(embedding, options),
        anchor=options["anchor"],
        batch_size=options["unlearning_batch_size"],
        steps=options["unlearning_steps"],
        max_iterations=options["unlearning_iterations"],
        seed=seed,
    )
    fid = evaluation.quick(released)["fid"]
    stopping = StopWhenForgotten(
        unlearning,
        lambda: evaluation.quick(released),
        at_most={"forgotten_share": options["share_tolerance"], "fid": fid * (1 + options["fid_tolerance"])},
        every=options["judge_every"],
        keep=(training.average, training.discriminator),
    )
    with (
        torch.random.fork_rng(devices=[]),
        unlearning.attach(training.engine),
        stopping.attach(training.engine),
        show_progress(training.engine, options["unlearning_iterations"], "unlearning", progress),
    ):
        torch.default_generator.manual_seed(seed)
        batches = Batches(data.images, data.labels, options["batch_size"], options["unlearning_iterations"])
        training.engine.run(batches, max_epochs=1)
    assert unlearning.stopped_because is not None
    return PhaseResult(time.perf_counter() - start, unlearning.iterations, unlearning.stopped_because)


def _optimizer(embedding: nn.Module | None, options: Mapping[str, Any]) -> Callable[[Iterable[nn.Parameter]], Any]:
    """Returns a factory that gives the generator's label embedding a learning rate of its own.

    A class is a row of that table: where it can move far, the weights that all classes share need not. The eps is as
    large as the gradients of the forgotten class: with Adam's usual one, weights whose gradients are near zero would
    move as fast as all others, and the retained classes' FID rises by a tenth before the anchor brings it down.
    """

    def make(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        own = {id(p) for p in embedding.parameters()} if embedding is not None else set()
        parameters = list(parameters)
        groups = [
            {"params": [p for p in parameters if id(p) not in own], "lr": options["unlearning_lr"], "eps": 5e-3},
            {"params": [p for p in parameters if id(p) in own], "lr": options["embedding_lr"], "eps": 3e-2},
        ]
        return torch.optim.Adam([group for group in groups if group["params"]], betas=(0.5, 0.99), fused=True)

    return make
