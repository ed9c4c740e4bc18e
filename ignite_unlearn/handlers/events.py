"""The events that an unlearning phase fires on the trainer."""

import logging
from typing import Any

from ignite.engine import Engine, EventEnum

logger = logging.getLogger(__name__)


class UnlearningEvents(EventEnum):
    """Events of a phase; Ignite compares members by name alone, hence the long names.

    * ``UNLEARNING_STARTED``: before the first unlearning step, teacher ready; again where a phase is taken up again.
    * ``UNLEARNING_STEP_TAKEN``: after an unlearning step and the learning step that follows it.
    * ``UNLEARNING_STEP_COMPLETED``: after all learning steps that follow it, of which there are ``phase.gap``; takes
      filters, ``UNLEARNING_STEP_COMPLETED(every=5)``, that count unlearning steps.
    * ``UNLEARNING_ENDING``: after the last one, when the phase ends: the moment to put other weights in place, such as
      the best ones.
    * ``UNLEARNING_COMPLETED``: right after it: the weights and ``stopped_because`` are those that are left.
    """

    UNLEARNING_STARTED = "unlearning_started"
    UNLEARNING_STEP_TAKEN = "unlearning_step_taken"
    UNLEARNING_STEP_COMPLETED = "unlearning_step_completed"
    UNLEARNING_ENDING = "unlearning_ending"
    UNLEARNING_COMPLETED = "unlearning_completed"


EVENT_TO_ATTR = {UnlearningEvents.UNLEARNING_STEP_COMPLETED: "unlearning_steps"}


def fire(phase: Any, engine: Engine, event: UnlearningEvents) -> None:
    """Fires an event of a phase: of two on one trainer, each handler hears its own."""
    if event == UnlearningEvents.UNLEARNING_STARTED:
        logger.info("The phase begins, %d iterations of it are done: %r", phase.iterations, phase)
    elif event == UnlearningEvents.UNLEARNING_COMPLETED:
        logger.info(
            "The phase ended after %d iterations: %s.", phase.iterations, phase.stopped_because or "the run did"
        )
    phase.firing = True
    try:
        engine.fire_event(event)
    finally:
        phase.firing = False
