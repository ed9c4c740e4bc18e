"""When a step goes wrong: the last good weights are put back, and what went wrong is said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from ignite.engine import Engine
from torch import Tensor

from ignite_unlearn.errors import UnlearningDivergedError, UnlearningError
from ignite_unlearn.gan.averages import kept_around
from ignite_unlearn.gan.trained import optimizers_among
from ignite_unlearn.gan.weights import KeptWeights
from ignite_unlearn.handlers.method import UnlearningMethod
from ignite_unlearn.handlers.rows import Rows
from ignite_unlearn.handlers.watch import Watch
from ignite_unlearn.utils.answers import first_line
from ignite_unlearn.utils.memory import out_of_memory

_LEFT = (
    "The unlearning step left weights that are not finite: the last good weights are back. Use a smaller learning rate "
    "in the phase, CascadedUnlearning(..., optimizer=...)."
)
_BACK = "the last good weights are back; look for them in the data set and its transforms"


@contextmanager
def unharmed(method: UnlearningMethod, kept: KeptWeights, rows: Rows) -> Iterator[None]:
    """Stands around an unlearning step: whatever ends it, an interrupt too, the last good weights are back.

    Args:
        method: whose step it is.
        kept: the weights before the step.
        rows: what it unlearns on.

    Raises:
        UnlearningDivergedError: if the step leaves weights that are not finite, or it ended for images that are not.
        UnlearningError: if memory was lacking; it says what to lower.
    """
    try:
        yield
        if not kept.live_are_finite:
            raise UnlearningDivergedError(_LEFT)
    except BaseException as error:
        diverged, ours = isinstance(error, UnlearningDivergedError), not kept.live_are_finite
        kept.restore()
        method.mend()
        broken = _not_finite(rows) if diverged else None
        if broken is not None:
            raise UnlearningDivergedError(f"{broken}, so no loss of the unlearning step is finite: {_BACK}.") from error
        if diverged and ours:
            raise UnlearningDivergedError(_LEFT) from error
        if out_of_memory(error):
            listed = " or ".join(f"{name}={size}" for name, size in method.sizes().items())
            raise UnlearningError(
                f"The unlearning step ran out of memory ({first_line(error)[:-1]}): the last good weights are back. "
                f"Lower what it holds at once: {listed}."
            ) from error
        raise


def renew(kept: KeptWeights | None, watch: Watch, engine: Engine) -> KeptWeights:
    """Copies the weights that the loop's own step left, and returns the copy.

    Args:
        kept: the last good ones.
        watch: what saw the batches that it learned from.
        engine: the trainer.

    Raises:
        UnlearningDivergedError: if they are not finite; says what else is not.
    """
    assert kept is not None, "taken when the phase began"
    finite, watch.finite = watch.finite, None
    try:
        kept.renew()
    except UnlearningDivergedError as error:
        said = str(error)
        if finite is not None and not bool(finite):
            said = f"Images of the loop's batch are not finite, so its own step left weights that are not: {_BACK}."
        if any(_holds_nan(optimizer) for optimizer in optimizers_among(kept_around(engine))):
            said += " The loop's own optimisers hold moments that are not finite: make them anew before it goes on."
        raise UnlearningDivergedError(said) from error
    return kept


def _not_finite(rows: Rows) -> str | None:
    """Returns a sentence's begin on images that are not finite; None where all are."""
    for images, whose in ((rows.images, "the batch"), (rows.examples and rows.examples.images, "the request")):
        if isinstance(images, Tensor) and images.is_floating_point():
            broken = int((~images.detach().flatten(1).isfinite().all(1)).sum())
            if broken:
                return f"{broken} of {len(images)} images of {whose} hold values that are not finite"
    return None


def _holds_nan(optimizer: torch.optim.Optimizer) -> bool:
    moments = (value for state in optimizer.state.values() for value in state.values())
    return any(isinstance(m, Tensor) and not bool(m.isfinite().all()) for m in moments)
