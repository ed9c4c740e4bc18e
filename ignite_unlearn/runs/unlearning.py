"""The unlearning phase in a recipe's loop: what a user would write around a loop of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import torch

from ignite_unlearn.forget.kept_inversion import KeptInversion
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.handlers.curves import Curves
from ignite_unlearn.handlers.events import UnlearningEvents
from ignite_unlearn.handlers.phase import UnlearningPhase
from ignite_unlearn.recipes.data.split import Split
from ignite_unlearn.recipes.methods.method import Material
from ignite_unlearn.recipes.nets.nets import trained_gan
from ignite_unlearn.recipes.recipe import Recipe
from ignite_unlearn.recipes.stop import Ending
from ignite_unlearn.recipes.tasks.instruments import Instruments
from ignite_unlearn.recipes.tasks.task import Evaluation
from ignite_unlearn.recipes.training.gan_training import Batches, GANTraining
from ignite_unlearn.runs.checkpoints import Checkpoints, Clock
from ignite_unlearn.runs.progress import BARS, Progress
from ignite_unlearn.runs.provenance import Fingerprint

_Checkpoint: TypeAlias = tuple[Path, Fingerprint]


@dataclass(frozen=True)
class Unlearned:
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


class Unlearning:
    """A recipe's phase, in a loop of the recipe that goes on from a trained GAN.

    Args:
        gan: the original GAN; its nets are changed.
        recipe: the recipe.
        split: the images; the loop's batches still hold the forget set.
        instruments: of which the guide may lead the phase.
        seed: of loop and phase.
        progress: what is shown meanwhile.
    """

    def __init__(
        self,
        gan: GAN,
        recipe: Recipe,
        split: Split,
        instruments: Instruments,
        *,
        seed: int,
        progress: Progress = BARS,
    ):
        self._clock, self._inversion = Clock(), KeptInversion()
        self._recipe, self._split, self._seed, self._progress = recipe, split, seed, progress
        task, guide = recipe.task, instruments.guide
        self.training = GANTraining(gan, recipe.training, unlearning=True)
        self.gan = trained_gan(gan, gan.generator)
        self.released = trained_gan(gan, self.training.average)
        self.curves = Curves()
        material = Material(split, task.left(guide), seed, task.label_seed(seed))
        forget = task.forget(split, guide, self._inversion, progress=progress.bars)
        self.phase: UnlearningPhase = recipe.method.phase(self.gan, forget, material)

    def run(
        self,
        original: GAN,
        evaluation: Evaluation | None,
        checkpoint: _Checkpoint | None = None,
        *,
        resume: bool = False,
    ) -> Unlearned:
        """Unlearns.

        Args:
            original: what quality is compared with.
            evaluation: judges while the phase runs; None: nothing does.
            checkpoint: where it is kept, and all that the phase depends on; None: there is none.
            resume: whether to go on from it.

        Raises:
            UnlearningError: if the checkpoint that is there is of another phase.
        """
        method, phase = self._recipe.method, self.phase
        ending = self._recipe.stop.ending(
            phase, evaluation=evaluation, original=original, released=self.released, aim=lambda: method.aim(phase)
        )
        self._loop("unlearning", method.unlearning_iterations * method.every, ending, checkpoint, resume=resume)
        inverting = self._inversion.seconds
        return Unlearned(
            self.released.teacher(),
            self._clock.seconds - (inverting or 0.0),
            inverting,
            phase.iterations,
            phase.stopped_because or "the run ended",
            self.curves.as_dict(),
            ending.bounds,
            phase.found,
        )

    def go_on(
        self,
        iterations: int,
        checkpoint: _Checkpoint | None = None,
        *,
        title: str = "learning on",
        resume: bool = False,
    ) -> None:
        """Takes further learning steps on retained images, as the user's loop does after the phase.

        Args:
            iterations: how many.
            checkpoint: as in :meth:`run`, of these steps.
            title: of what is shown.
            resume: whether to go on from it.

        Raises:
            UnlearningError: if the checkpoint that is there is of another phase.
        """
        self._loop(title, iterations, None, checkpoint, resume=resume)

    def _checkpoints(self, checkpoint: _Checkpoint, ending: Ending | None) -> Checkpoints:
        own = {"phase": self.phase, "curves": self.curves, "clock": self._clock, "inversion": self._inversion}
        more = {} if ending is None else {"ending": ending}
        path, fingerprint = checkpoint
        return Checkpoints(path, {**self.training.state_objects(), **own, **more}, fingerprint)

    def _loop(
        self, title: str, iterations: int, ending: Ending | None, checkpoint: _Checkpoint | None, *, resume: bool
    ) -> None:
        kept = None if checkpoint is None else self._checkpoints(checkpoint, ending)
        engine, data = self.training.engine, self._split.data
        self.phase.measured, self.phase.released = True, self.released  # the run measures
        with contextlib.ExitStack() as attached:
            attached.enter_context(torch.random.fork_rng(devices=[]))
            attached.enter_context(self.phase.attach(engine))
            attached.enter_context(engine.add_event_handler(UnlearningEvents.UNLEARNING_STARTED, self._start_average))
            if ending is not None:
                attached.enter_context(ending.attach(engine))
            attached.enter_context(self.curves.attach(engine))
            torch.default_generator.manual_seed(self._seed)
            batches = Batches(data.images, data.labels, self._recipe.training.batch_size, iterations)
            engine.state.max_epochs = None  # a new run, also after an earlier one
            if kept is not None and resume and kept.load():
                ended = ending is not None and not self.phase.active
                if ended or engine.state.iteration >= iterations:
                    return  # it was of the end, and Ignite would begin anew
            if kept is not None:
                attached.enter_context(kept.saving(engine))
            attached.enter_context(self._progress.of(engine, iterations, title, at_most=ending is not None))
            engine.run(batches, max_epochs=1)

    def _start_average(self) -> None:
        # The phase begins with the average in the generator's place, so this adds to it what a closed form has changed.
        if self.phase.iterations == 0:
            self.training.average.load_state_dict(self.training.generator.state_dict())
