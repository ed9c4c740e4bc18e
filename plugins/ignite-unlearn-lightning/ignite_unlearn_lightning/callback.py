"""The unlearning phase as a Lightning callback."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import lightning.pytorch
import pytorch_lightning
from ignite.engine import Engine, Events

from ignite_unlearn import GAN, CascadedUnlearning, UnlearningError
from ignite_unlearn.cascade import FakeLabel, Substitution
from ignite_unlearn.forget import Forget
from ignite_unlearn.gan.averages import swapping
from ignite_unlearn.handlers import Original


# Lightning brings its classes a second time, as pytorch_lightning, whose trainer wants callbacks of its own kind.
class Unlearning(lightning.pytorch.Callback, pytorch_lightning.Callback):
    """Turns ``trainer.fit`` into an unlearning phase.

    Each training batch begins with an unlearning step, and then has its forgotten rows replaced: after the module's
    hooks that transfer batches, before all others and ``training_step``. The numbers of the phase are logged as
    ``unlearning/...``. When the phase ends, ``fit`` ends; ``fit`` of a further trainer goes on learning on
    batches with replaced rows.

    The original GAN is the one that ``fit`` starts from, ``ckpt_path`` included. The phase's state is saved in
    Lightning's checkpoints, and goes on from there.

    Args:
        gan: the GAN whose nets the module trains; see :func:`~ignite_unlearn_lightning.gan`.
        forget: what to forget.
        substitution: which image a forgotten latent is given.
        fake_label: which score a forgotten image is given.
        options: of :class:`ignite_unlearn.CascadedUnlearning`.

    Attributes:
        phase: the :class:`ignite_unlearn.CascadedUnlearning`.
        engine: an Ignite engine whose iterations are the batches of ``fit``, for ``StopWhenForgotten``, ``Snapshots``,
            ``ErasureRecord`` and handlers of your own. It fires ``ITERATION_STARTED``, ``ITERATION_COMPLETED``, at the
            end of ``fit`` ``COMPLETED``, and the events of the phase. What is in ``engine.state.metrics`` is logged,
            and ``engine.terminate()`` ends ``fit``.

    Raises:
        UnlearningError: if an argument does not fit; by ``fit``, if the module does not train this GAN, or takes its
            batches from the loader by itself, or if a callback swaps an average of the weights in.
    """

    def __init__(self, gan: GAN, *, forget: Forget, substitution: Substitution, fake_label: FakeLabel, **options: Any):
        self.phase = CascadedUnlearning(gan, forget=forget, substitution=substitution, fake_label=fake_label, **options)
        self.engine = Engine(lambda engine, batch: None)  # never run: Lightning's loop fires its events
        self.phase.attach(self.engine)
        self._saved: Mapping[str, Any] | None = None
        self._ends_fit = True

    def state_dict(self) -> dict[str, Any]:
        """Returns the state of the phase, the original's weights included: tensors and plain values only."""
        return dict(self._saved or {"iteration": self.engine.state.iteration, "phase": self.phase.state_dict()})

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Keeps a state until ``fit`` has the nets where it trains them, and then loads it."""
        self._saved = state_dict

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begins: checkpoints are loaded now, and the nets on their device."""
        phase = self.phase
        _refuse_what_cannot_work(phase.gan, pl_module, trainer.callbacks)
        if self._saved is not None or phase.iterations == 0:
            phase.original = Original(phase.gan, phase.forget, phase.seed)
        if self._saved is not None:
            phase.load_state_dict(self._saved["phase"])
            self.engine.state.iteration = self._saved["iteration"]
            self._saved = None
        self._ends_fit = phase.active
        self.engine.should_terminate = False
        # Callbacks cannot replace a batch, and this is the last that Lightning does to one before it hands it out.
        to_device = trainer.strategy.batch_to_device

        def replaced(*args: Any, **kwargs: Any) -> Any:
            batch = to_device(*args, **kwargs)
            return self._begin_iteration(batch) if trainer.training else batch  # validation comes here, too

        trainer.strategy.batch_to_device = replaced

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Ends an iteration: logs its numbers, and stops the trainer where the phase has ended."""
        self.engine.state.output = outputs
        self.engine.fire_event(Events.ITERATION_COMPLETED)
        pl_module.log_dict(self.engine.state.metrics)
        if self.engine.should_terminate or (self._ends_fit and not self.phase.active):
            trainer.should_stop = True

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


def _refuse_what_cannot_work(gan: GAN, module: Any, callbacks: Iterable[Any]) -> None:
    name, inside = type(module).__name__, set(module.modules())
    for net in ("generator", "discriminator"):
        if getattr(gan, net) not in inside:
            raise UnlearningError(
                f"The GAN's {net} is not in the {name} that trainer.fit() was given: make the GAN of that module's "
                "nets, gan(module, ...)."
            )
    average = swapping(callbacks)
    if average is not None:
        raise UnlearningError(
            f"{average} puts an average of older weights in the place of the unlearned ones when fit() ends, and so "
            "brings back what was forgotten: leave it out of the trainer that unlearns."
        )
    if "dataloader_iter" in inspect.signature(module.training_step).parameters:
        raise UnlearningError(
            f"{name}.training_step() takes its batches from a dataloader_iter, where none can be replaced: let it take "
            "a batch, training_step(self, batch, batch_idx)."
        )
