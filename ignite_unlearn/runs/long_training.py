"""Long trainings: shown while they run, with checkpoints, resuming, and the seconds that were really spent."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from ignite.engine import Engine, Events
from torch import Tensor

from ignite_unlearn.errors import UnlearningDivergedError
from ignite_unlearn.recipes.training.gan_training import Batches, GANTraining
from ignite_unlearn.runs.checkpoints import Checkpoints, Clock, checkpoint_path
from ignite_unlearn.runs.progress import BARS, Progress
from ignite_unlearn.runs.provenance import Fingerprint

_EPOCH = 100  # iterations


def train_long(
    training: GANTraining,
    images: Tensor,
    labels: Tensor,
    *,
    seed: int,
    fingerprint: Fingerprint,
    title: str,
    folder: Path,
    resume: bool = False,
    progress: Progress = BARS,
) -> float:
    """Trains a GAN from the start, or from its last checkpoint, and returns the seconds it took.

    A checkpoint is saved every half minute, and when SIGINT or SIGTERM asks for the end. It stays when the training
    is done: whoever has saved the result deletes it.

    Raises:
        UnlearningError: if the checkpoint that is there is of another training.
        UnlearningDivergedError: if a loss is not finite at the end of an epoch; the last checkpoint stays.
        KeyboardInterrupt: if a signal asks for the end, once the checkpoint is saved.

    Args:
        training: the GAN, its engine, and the settings that say how long.
        images: real images ``(N, C, H, W)``.
        labels: their classes ``(N,)``.
        seed: of batches and latents.
        fingerprint: what the training depends on; a checkpoint of another one is refused.
        title: of what is shown, and name of the checkpoint.
        folder: where the checkpoint is kept.
        resume: whether to go on from the checkpoint if there is one.
        progress: what is shown meanwhile.
    """
    clock, settings, engine = Clock(), training.settings, training.engine
    objects = {**training.state_objects(), "clock": clock}
    checkpoints = Checkpoints(checkpoint_path(folder, title), objects, fingerprint)
    length = min(_EPOCH, settings.iterations)

    def check(engine: Engine) -> None:
        _stop_on_nan(engine, title)

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if resume:
            checkpoints.load()
        engine.add_event_handler(Events.EPOCH_COMPLETED, check)
        if engine.state.iteration < settings.iterations:  # else Ignite would begin anew
            with checkpoints.saving(engine, check), progress.of(engine, settings.iterations, title):
                batches = Batches(images, labels, settings.batch_size, length)
                engine.run(batches, max_iters=settings.iterations, epoch_length=length)
    return clock.seconds


def _stop_on_nan(engine: Engine, title: str) -> None:
    losses = engine.state.output
    assert isinstance(losses, dict)
    numbers = {name: float(loss) for name, loss in losses.items()}
    if not all(math.isfinite(loss) for loss in numbers.values()):
        shown = ", ".join(f"{name} {loss}" for name, loss in numbers.items())
        raise UnlearningDivergedError(
            f"The training of {title!r} diverged at iteration {engine.state.iteration}: {shown}. Use smaller learning "
            "rates (--set g_lr, --set d_lr)."
        )
