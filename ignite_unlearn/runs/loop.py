"""The unlearning phase of the stock recipes: what a user would write around a loop of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.handlers.phase import UnlearningPhase
from ignite_unlearn.handlers.curves import Curves
from ignite_unlearn.handlers.events import UnlearningEvents
from ignite_unlearn.handlers.stopping import StopWhenForgotten
from ignite_unlearn.runs.request import Request
from ignite_unlearn.runs.stages import show_progress
from ignite_unlearn.recipes.training.gan_training import Batches, GANTraining


@dataclass(frozen=True)
class PhaseResult:
    """What a phase did.

    Attributes:
        gan: a copy of the unlearned GAN, with the moving average of the generator.
        seconds: all that it needed, judging included, inversion not.
        inversion_seconds: what inversion took; None where there was none.
        iterations: of the phase.
        stopped_because: why it ended.
        curves: its numbers over its iterations.
        bounds: what it was asked to reach, as in :class:`.Record`.
        found: what of the request its batches held, as in :class:`.Record`.
    """

    gan: GAN
    seconds: float
    inversion_seconds: float | None
    iterations: int
    stopped_because: str
    curves: Mapping[str, Mapping[str, list[float]]]
    bounds: Sequence[Mapping[str, Any]] = ()
    found: Mapping[str, int | None] = field(default_factory=dict)


class UnlearningLoop:
    """The loop of a trained GAN, to which a phase is attached.

    Args:
        request: the run.
        generator: the original generator; it is trained on.
        discriminator: the original discriminator.
    """

    def __init__(self, request: Request, generator: nn.Module, discriminator: nn.Module):
        self._request = request
        self.training = GANTraining(
            generator, discriminator, request.recipe.learning_step, request.options, unlearning=True
        )
        self.gan = request.gan(generator, discriminator)
        self.released = request.gan(self.training.average, discriminator)
        self.curves = Curves()

    def run(
        self,
        unlearning: UnlearningPhase,
        iterations: int,
        stopping: StopWhenForgotten | None = None,
        *,
        title: str = "unlearning",
    ) -> None:
        """Runs the loop with the phase attached; its data still holds the forget set."""
        request, engine = self._request, self.training.engine
        unlearning.measured, unlearning.released = True, self.released  # the recipe's own stages measure
        with contextlib.ExitStack() as attached:
            attached.enter_context(torch.random.fork_rng(devices=[]))
            attached.enter_context(unlearning.attach(engine))
            attached.enter_context(engine.add_event_handler(UnlearningEvents.UNLEARNING_STARTED, self._start_average))
            if stopping is not None:
                attached.enter_context(stopping.attach(engine))
            attached.enter_context(self.curves.attach(engine))
            attached.enter_context(show_progress(engine, iterations, title, request.progress))
            torch.default_generator.manual_seed(request.seed)
            batches = Batches(request.data.images, request.data.labels, request.options["batch_size"], iterations)
            engine.state.max_epochs = None  # a new run, also after an earlier one
            engine.run(batches, max_epochs=1)

    def _start_average(self) -> None:
        # The phase begins with the average in the generator's place, so this adds to it what a closed form has changed.
        self.training.average.load_state_dict(self.training.generator.state_dict())
