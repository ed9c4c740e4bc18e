"""Class unlearning in the stock recipes: the cascade, judged every few iterations, ended when forgotten."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn

from ignite_unlearn.forget import ForgetClasses
from ignite_unlearn.handlers.cascade import CascadedUnlearning
from ignite_unlearn.handlers.stopping import StopWhenForgotten
from ignite_unlearn.recipes.choices import make_fake_label, make_substitution
from ignite_unlearn.recipes.evaluation import Evaluation
from ignite_unlearn.recipes.phase import PhaseResult, UnlearningLoop
from ignite_unlearn.recipes.request import Request


def unlearn_classes(
    request: Request, generator: nn.Module, discriminator: nn.Module, evaluation: Evaluation
) -> PhaseResult:
    """Runs the unlearning phase on the original nets.

    Args:
        request: the run.
        generator: the original generator; it is changed.
        discriminator: the original discriminator; it is changed.
        evaluation: judges when it is time to stop.
    """
    start = time.perf_counter()
    options, data = request.options, request.data
    loop = UnlearningLoop(request, generator, discriminator)
    unlearning = CascadedUnlearning(
        loop.gan,
        forget=ForgetClasses(options["classes"]),
        substitution=make_substitution(options["substitution"]),
        fake_label=make_fake_label(options["fake_label"], data.unseen, data.unseen_labels, request.seed),
        optimizer=_optimizer(getattr(generator, "embedding", None), options),
        anchor=options["anchor"],
        batch_size=options["unlearning_batch_size"],
        steps=options["unlearning_steps"],
        max_iterations=options["unlearning_iterations"],
        seed=request.seed,
    )
    fid = evaluation.quick(loop.released)["fid"]
    stopping = StopWhenForgotten(
        unlearning,
        lambda: evaluation.quick(loop.released),
        at_most={"forgotten_share": options["share_tolerance"], "fid": fid * (1 + options["fid_tolerance"])},
        every=options["judge_every"],
        keep=(loop.training.average, discriminator),
    )
    loop.run(unlearning, options["unlearning_iterations"], stopping)
    assert unlearning.stopped_because is not None
    return PhaseResult(
        loop.released.teacher(),
        time.perf_counter() - start,
        None,
        unlearning.iterations,
        unlearning.stopped_because,
        loop.curves.as_dict(),
    )


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
