"""Class unlearning in the stock recipes: the cascade, judged every few iterations, ended when forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ignite_unlearn.utils.clock import wall_clock
from ignite_unlearn.gan.layers import label_embeddings
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.cascade.cascade import CascadedUnlearning
from ignite_unlearn.handlers.original import Original
from ignite_unlearn.handlers.stopping import StopWhenForgotten
from ignite_unlearn.recipes.methods.choices import STARTS, Left, make_fake_label, make_forget, make_substitution
from ignite_unlearn.runs.evaluations import ClassEvaluation
from ignite_unlearn.runs.loop import PhaseResult, UnlearningLoop
from ignite_unlearn.runs.request import Request
from ignite_unlearn.runs.unconditional_evaluation import UnconditionalEvaluation
from ignite_unlearn.cascade.substitution import Substitution

_LEFT = 0.01  # without labels: images between classes will not do
_ABOVE = "share_above_substitutes"


def unlearn_classes(
    request: Request,
    generator: nn.Module,
    discriminator: nn.Module,
    evaluation: ClassEvaluation,
    original: GAN,
    classifier: nn.Module,
) -> PhaseResult:
    """Runs the unlearning phase on the original nets.

    Args:
        request: the run.
        generator: the original generator; it is changed.
        discriminator: the original discriminator; it is changed.
        evaluation: judges when it is time to stop.
        original: the original GAN: what its quality is compared with.
        classifier: finds the forgotten classes' latents of an unconditional GAN; not what the evaluation judges by.
    """
    start = wall_clock()
    options, data = request.options, request.data
    loop = UnlearningLoop(request, generator, discriminator)
    finder = None if request.recipe.conditional else classifier
    left = _left(classifier, options["classes"], _LEFT if finder else 0.5)
    substitution = make_substitution(options["substitution"], left)
    unlearning = CascadedUnlearning(
        loop.gan,
        forget=make_forget(options, finder),
        substitution=substitution,
        fake_label=make_fake_label(options["fake_label"], data.unseen, data.unseen_labels, request.seed),
        optimizer=_optimizer(label_embeddings(loop.gan), options),
        anchor=options["anchor"],
        batch_size=options["unlearning_batch_size"],
        generator_steps=options["unlearning_steps"],
        start=STARTS[options.get("start", "none")](),
        max_iterations=options["unlearning_iterations"],
        seed=request.seed,
    )
    fid = evaluation.quick(original)["fid"]

    aims: list[float] = []

    def measure(gan: GAN) -> dict[str, float]:
        numbers = evaluation.quick(gan)
        assert unlearning.original is not None
        if not aims:
            aims.append(_aimed_at(unlearning.original, substitution, evaluation))
        return numbers | {_ABOVE: numbers["forgotten_share"] - aims[0]}

    stopping = StopWhenForgotten(
        unlearning,
        measure,
        at_most={_ABOVE: options["share_tolerance"], "fid": fid * (1 + options["fid_tolerance"])},
        every=options["judge_every"],
        released=loop.released,
        keep=(loop.training.average, discriminator),
    )
    loop.run(unlearning, options["unlearning_iterations"], stopping)
    assert unlearning.stopped_because is not None
    return PhaseResult(
        loop.released.teacher(),
        wall_clock() - start,
        None,
        unlearning.iterations,
        unlearning.stopped_because,
        loop.curves.as_dict(),
        [{**bound, "of_substitutes": aims[0]} if bound["name"] == _ABOVE else bound for bound in unlearning.bounds],
        unlearning.found,
    )


def _aimed_at(original: Original, substitution: Substitution, evaluation: ClassEvaluation) -> float:
    """Returns the forgotten share of the substitutes themselves: no phase can learn to show less than it is taught.

    Of an unconditional GAN it is taken for zero: which latents are to be given substitutes, only a classifier knows.
    """
    if isinstance(evaluation, UnconditionalEvaluation):
        return 0.0
    teacher, regions = original.teacher, original.regions
    aim = GAN(
        teacher.generator,
        teacher.discriminator,
        latents=teacher.latents,
        labels=teacher.labels,
        generate=lambda net, latents, labels: substitution(teacher, latents, labels, regions),
    )
    return evaluation.share(aim)


def _left(classifier: nn.Module, classes: tuple[int, ...], below: float) -> Left:
    """Returns what tells images that show the forgotten classes with a probability below a bound."""
    return lambda images, own: classifier(images).softmax(1)[:, list(classes)].sum(1) < below


def _optimizer(tables: Sequence[nn.Module], options: Mapping[str, Any]) -> Callable[[Iterable[nn.Parameter]], Any]:
    """Returns a factory that gives the generator's tables of labels a learning rate of their own.

    A class is a row of that table: where it can move far, the weights that all classes share need not. The eps is as
    large as the gradients of the forgotten class: with Adam's usual one, weights whose gradients are near zero would
    move as fast as all others, and the retained classes' FID rises by a tenth before the anchor brings it down.
    """

    def make(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        own = {id(p) for table in tables for p in table.parameters()}
        parameters = list(parameters)
        rest = [p for p in parameters if id(p) not in own]
        groups: list[dict[str, Any]] = [
            {"params": rest, "lr": options["unlearning_lr"], "eps": options["unlearning_eps"]}
        ]
        if len(rest) < len(parameters):
            table = [p for p in parameters if id(p) in own]
            groups.append({"params": table, "lr": options["embedding_lr"], "eps": 3e-2})
        return torch.optim.Adam(groups, betas=(0.5, 0.99), fused=True)

    return make
