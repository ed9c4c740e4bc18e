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
from ignite_unlearn.runs.provenance import Fingerprint
from ignite_unlearn.utils.clock import wall_clock
from ignite_unlearn.utils.files import read_weights, save_weights

_CHECKPOINT_EVERY = 100  # iterations
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

    Raises:
        UnlearningError: if the checkpoint that is there is of another training.
        UnlearningDivergedError: if a loss is not finite at the end of an epoch; the last checkpoint stays.

    Args:
        training: the GAN, its engine, and the settings that say how long.
        images: real images ``(N, C, H, W)``.
        labels: their classes ``(N,)``.
        seed: of batches and latents.
        fingerprint: what the training depends on; a checkpoint of another one is refused.
        title: of the bar, and name of the checkpoint.
        folder: where the checkpoint is kept until the training is done.
        resume: whether to go on from the checkpoint if there is one.
        progress: whether to show the bar.
    """
    clock, path = _Clock(), folder / f"{title}.checkpoint.pt"
    objects = {**training.state_objects(), "clock": clock, "stream": _Stream()}
    made_by, iterations = fingerprint.as_note(), training.settings.iterations
    saver = Checkpoint(objects, lambda content, *_: save_weights(path, {**content, _MADE_BY: made_by}))
    batch_size = training.settings.batch_size
    length = min(_CHECKPOINT_EVERY, iterations)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if resume and path.exists():
            _go_on(objects, path, fingerprint)
        # Before the checkpoint is saved: it must hold a state that is worth going on from.
        training.engine.add_event_handler(Events.EPOCH_COMPLETED, _stop_on_nan, title)
        training.engine.add_event_handler(Events.EPOCH_COMPLETED, saver)
        with show_progress(training.engine, iterations, title, progress):
            training.engine.run(Batches(images, labels, batch_size, length), max_iters=iterations, epoch_length=length)
    path.unlink(missing_ok=True)
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
