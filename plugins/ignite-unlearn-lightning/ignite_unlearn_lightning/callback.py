"""An unlearning phase as a Lightning callback."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ignite.engine import Engine

from ignite_unlearn import GAN, UnlearningError, UnlearningPhase
from ignite_unlearn.gan.averages import swapping
from ignite_unlearn_lightning.loop import Loop


class Unlearning(Loop):
    """Turns ``trainer.fit`` into an unlearning phase.

    Each training batch begins with an unlearning step, and then has its forgotten rows replaced: after the module's
    hooks that transfer batches, before all others and ``training_step``. The numbers of the phase are logged as
    ``unlearning/...``. When the phase ends, ``fit`` ends; ``fit`` of a further trainer goes on learning on
    batches with replaced rows.

    The original GAN is the one that ``fit`` starts from, ``ckpt_path`` included. The phase's state is saved in
    Lightning's checkpoints, and goes on from there.

    Args:
        phase: the phase, such as ``CascadedUnlearning(gan(module), ...)``; see :func:`~ignite_unlearn_lightning.gan`.

    Attributes:
        phase: the phase.
        engine: an Ignite engine whose iterations are the batches of ``fit``, for ``StopWhenForgotten``, ``Snapshots``,
            ``ErasureRecord`` and handlers of your own. It fires ``STARTED``, ``EPOCH_STARTED``, ``ITERATION_STARTED``,
            ``ITERATION_COMPLETED``, ``EPOCH_COMPLETED``, at the end of ``fit`` ``COMPLETED``, and the events of the
            phase. What is in ``engine.state.metrics`` is logged, and ``engine.terminate()`` ends ``fit``.

    Raises:
        UnlearningError: if the phase is attached already; by ``fit``, if the module does not train the phase's GAN, or
            takes its batches from the loader by itself, or if a callback swaps an average of the weights in.
    """

    def __init__(self, phase: UnlearningPhase):
        super().__init__(Engine(lambda engine, batch: None))  # never run: Lightning's loop fires its events
        self.phase = phase
        phase.attach(self.engine)
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
        _refuse_what_cannot_work(self.phase.gan, pl_module, trainer.callbacks)
        if self._saved is not None or self.phase.iterations == 0:
            self.phase.renew_original()
        if self._saved is not None:
            self.phase.load_state_dict(self._saved["phase"])
            self.engine.state.iteration = self._saved["iteration"]
            self._saved = None
        self._ends_fit = self.phase.active
        super().on_train_start(trainer, pl_module)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Ends an iteration: logs its numbers, and stops the trainer where the phase has ended."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        if self._ends_fit and not self.phase.active:
            trainer.should_stop = True


def _refuse_what_cannot_work(gan: GAN, module: Any, callbacks: Iterable[Any]) -> None:
    inside = set(module.modules())
    for net in ("generator", "discriminator"):
        if getattr(gan, net) not in inside:
            raise UnlearningError(
                f"The GAN's {net} is not in the {type(module).__name__} that trainer.fit() was given: make the GAN of "
                "that module's nets, gan(module, ...)."
            )
    average = swapping(callbacks)
    if average is not None:
        raise UnlearningError(
            f"{average} puts an average of older weights in the place of the unlearned ones when fit() ends, and so "
            "brings back what was forgotten: leave it out of the trainer that unlearns."
        )
