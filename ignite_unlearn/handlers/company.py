"""Two phases on one trainer share neither nets nor the place of their numbers; one that has ended takes no steps."""

from __future__ import annotations

import logging
from typing import Any, Protocol

from ignite.engine import Engine

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.handlers.handle import phases_on

logger = logging.getLogger(__name__)


class Company(Protocol):
    """A phase, as far as others on its trainer are concerned."""

    gan: GAN
    metrics_prefix: str | None
    stopped_because: str | None
    handle: Any


def refuse_company(phase: Company, trainer: Engine) -> None:
    """Refuses a phase beside others on a trainer with which it would share something.

    Args:
        phase: is about to be attached.
        trainer: may have others.

    Raises:
        UnlearningError: if it shares a net or the ``metrics_prefix`` with one.
    """
    for other in phases_on(trainer):
        if other is phase:  # attached twice: that is said elsewhere
            continue
        there = f"Another {type(other).__name__} is attached to this trainer already"
        way_out = "call remove() of the handle that attach() returned, make a new trainer, or"
        if _parameters(phase.gan) & _parameters(other.gan):
            raise UnlearningError(
                f"{there}, and every unlearning step would be taken by both: {way_out} give one phase all that is to "
                "be forgotten."
            )
        if phase.metrics_prefix is not None and phase.metrics_prefix == other.metrics_prefix:
            raise UnlearningError(
                f"{there}, and shows its numbers as {other.metrics_prefix!r}: {way_out} give this one a place of "
                "its own, metrics_prefix='second/'."
            )


def tell_of_end(phase: Company) -> None:
    """Logs that a phase that was attached before has ended: a run unlearns nothing then.

    To attach it again is no slip where a loop learns on and forgotten rows are to stay away, so this is no warning.
    """
    if phase.handle is not None and phase.stopped_because is not None:
        logger.info(
            "This %s has ended (%s): attached again, it replaces rows and takes no unlearning step. To unlearn more, "
            "make a new one.",
            type(phase).__name__,
            phase.stopped_because,
        )


def _parameters(gan: GAN) -> set[int]:
    return {id(p) for net in (gan.generator, gan.discriminator) for p in net.parameters()}
