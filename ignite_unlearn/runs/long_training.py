"""Long trainings: a bar with the time left, checkpoints, resuming, and the seconds that were really spent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from ignite.handlers import Checkpoint
from torch import Tensor
from tqdm.auto import tqdm

from ignite_unlearn.errors import UnlearningDivergedError, UnlearningError
from ignite_unlearn.recipes.training.gan_training import Batches, GANTraining
from ignite_unlearn.runs.interrupts import heard
from ignite_unlearn.runs.provenance import Fingerprint
from ignite_unlearn.utils.clock import wall_clock
from ignite_unlearn.utils.files import read_weights, save_weights

_EPOCH = 100  # iterations
_SAVE_EVERY = 30.0  # seconds from one checkpoint to the next
_MADE_BY = "made_by"  # in a checkpoint: the fingerprint of its training


class _Clock:
    """Wall-clock seconds over all runs of a stage."""

    def __init__(self) -> None:
        self.before = 0.0
        self.start = wall_clock()

    @property
    def seconds(self) -> float:
        return self.before + wall_clock() - self.start

    def state_dict(self) -> dict[str, float]:
        return {"seconds": self.seconds}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.before, self.start = float(state["seconds"]), wall_clock()


class _Stream:
    """Torch's random number stream, which draws batches and latents."""

    def state_dict(self) -> dict[str, Tensor]:
        return {"torch": torch.get_rng_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        torch.set_rng_state(state["torch"])


def checkpoint_path(folder: Path, title: str) -> Path:
    """Returns where the checkpoint of a training lies."""
    return folder / f"{title}.checkpoint.pt"


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
    progress: bool = True,
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
        title: of the bar, and name of the checkpoint.
        folder: where the checkpoint is kept.
        resume: whether to go on from the checkpoint if there is one.
        progress: whether to show the bar.
    """
    clock, path = _Clock(), checkpoint_path(folder, title)
    objects = {**training.state_objects(), "clock": clock, "stream": _Stream()}
    made_by, settings, engine = fingerprint.as_note(), training.settings, training.engine
    saver = Checkpoint(objects, lambda content, *_: save_weights(path, {**content, _MADE_BY: made_by}))
    length = min(_EPOCH, settings.iterations)
    saved = wall_clock()

    def save(engine: Engine) -> None:
        nonlocal saved
        if signals or wall_clock() - saved >= _SAVE_EVERY:
            _stop_on_nan(engine, title)  # a checkpoint must hold a state that is worth going on from
            saver(engine)
            saved = wall_clock()
        signals.obey()

    with torch.random.fork_rng(devices=[]), heard() as signals:
        torch.default_generator.manual_seed(seed)
        if resume and path.exists():
            _go_on(objects, path, fingerprint)
        engine.add_event_handler(Events.EPOCH_COMPLETED, _stop_on_nan, title)
        engine.add_event_handler(Events.ITERATION_COMPLETED, save)
        if (
            engine.state.iteration < settings.iterations
        ):  # else the checkpoint was of the end, and Ignite would begin anew
            with show_progress(engine, settings.iterations, title, progress):
                batches = Batches(images, labels, settings.batch_size, length)
                engine.run(batches, max_iters=settings.iterations, epoch_length=length)
    return clock.seconds


def _go_on(objects: Mapping[str, Any], path: Path, fingerprint: Fingerprint) -> None:
    content = read_weights(path)
    made_by = content.pop(_MADE_BY, None)
    if not isinstance(made_by, dict):
        raise UnlearningError(f"{path} does not tell by which seed and options: delete the file to begin anew.")
    different = fingerprint.differences(made_by)
    if different:
        raise UnlearningError(
            f"{path} is of a training by {', '.join(different)}: resume with the seed and options that began it, "
            "give another --out, or delete the file to begin anew."
        )
    try:
        Checkpoint.load_objects(objects, content)
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise UnlearningError(
            f"{path} does not fit this training ({str(error).splitlines()[0]}): delete the file to begin anew."
        ) from error


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


@contextmanager
def show_progress(engine: Engine, iterations: int, title: str, progress: bool) -> Iterator[None]:
    """Puts a bar of iterations on an engine."""
    initial = engine.state.iteration
    with (
        tqdm(total=iterations, initial=initial, desc=title, disable=not progress, unit="it") as bar,
        engine.add_event_handler(Events.ITERATION_COMPLETED, lambda: bar.update() and None),
    ):
        yield
