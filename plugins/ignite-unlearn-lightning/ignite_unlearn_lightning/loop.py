"""Lightning's loop as an Ignite engine: the one fires the other's events, and takes its batches from it."""

from __future__ import annotations

import inspect
from typing import Any

import lightning.pytorch
import pytorch_lightning
from ignite.engine import Engine, Events

from ignite_unlearn import UnlearningError


# Lightning brings its classes a second time, as pytorch_lightning, whose trainer wants callbacks of its own kind.
class Loop(lightning.pytorch.Callback, pytorch_lightning.Callback):
    """A Lightning callback that fires an Ignite engine's events: whatever attaches to one works in ``trainer.fit``.

    The engine's iterations are the training batches. What handlers of ``ITERATION_STARTED`` lay into
    ``engine.state.batch`` takes the batch's place: after the module's hooks that transfer batches, before all others
    and ``training_step``. The numbers in ``engine.state.metrics`` are logged, and ``engine.terminate()`` ends ``fit``.

    Args:
        engine: the engine; it is never run.

    Raises:
        UnlearningError: by ``fit``, if the module takes its batches from the loader by itself.
    """

    def __init__(self, engine: Engine):
        self.engine = engine

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begins: checkpoints are loaded now, and the nets on their device."""
        if "dataloader_iter" in inspect.signature(pl_module.training_step).parameters:
            raise UnlearningError(
                f"{type(pl_module).__name__}.training_step() takes its batches from a dataloader_iter, where none can "
                "be replaced: let it take a batch, training_step(self, batch, batch_idx)."
            )
        self.engine.should_terminate = False
        self.engine.fire_event(Events.STARTED)
        # Callbacks cannot replace a batch, and this is the last that Lightning does to one before it hands it out.
        to_device = trainer.strategy.batch_to_device

        def replaced(*args: Any, **kwargs: Any) -> Any:
            batch = to_device(*args, **kwargs)
            return self._begin_iteration(batch) if trainer.training else batch  # validation comes here, too

        trainer.strategy.batch_to_device = replaced

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Begins an epoch."""
        self.engine.state.epoch = trainer.current_epoch + 1
        self.engine.fire_event(Events.EPOCH_STARTED)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Ends an iteration: logs its numbers, and stops the trainer where the engine is to end."""
        self.engine.state.output = outputs
        self.engine.fire_event(Events.ITERATION_COMPLETED)
        pl_module.log_dict(self.engine.state.metrics)
        if self.engine.should_terminate:
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Ends an epoch."""
        self.engine.fire_event(Events.EPOCH_COMPLETED)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Ends the run, and puts the trainer back to what it was."""
        _put_back(trainer)
        self.engine.fire_event(Events.COMPLETED)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Puts the trainer back to what it was."""
        _put_back(trainer)

    def _begin_iteration(self, batch: Any) -> Any:
        self.engine.state.iteration += 1
        self.engine.state.batch = batch
        self.engine.fire_event(Events.ITERATION_STARTED)
        return self.engine.state.batch


def _put_back(trainer: Any) -> None:
    vars(trainer.strategy).pop("batch_to_device", None)
