"""Where the states of a phase were saved to: each holds the original GAN, so that a record's limits must name them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ignite.engine import Engine
from ignite.handlers import Checkpoint

from ignite_unlearn.handlers.phase import UnlearningPhase


def phase_checkpoints(unlearning: UnlearningPhase, *engines: Engine) -> list[str]:
    """Returns every place that a phase's state was saved to, or still will be, as far as the engines tell.

    Args:
        unlearning: the phase.
        engines: the trainer, and others that a ``Checkpoint`` may be attached to, such as an evaluator.

    Returns:
        The files that ``Checkpoint`` handlers hold now; the folder of one that has saved none yet; and, where a state
        was asked for and no handler holds the phase, a phrase that says how often. Sorted, without repetition.

    Example:
        >>> import tempfile
        >>> from torch import nn
        >>> from ignite.engine import Engine, Events
        >>> from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses
        >>> from ignite_unlearn.cascade.fake_labels.fixed import Fixed
        >>> from ignite_unlearn.cascade.substitutions.other_class import OtherClass
        >>> gan = GAN(nn.Linear(2, 4), nn.Linear(4, 1), latents=(2,))
        >>> phase = CascadedUnlearning(
        ...     gan, forget=ForgetClasses({2}), substitution=OtherClass(), fake_label=Fixed(-1)
        ... )
        >>> trainer, folder = Engine(lambda engine, batch: None), tempfile.mkdtemp()
        >>> saver = Checkpoint({"unlearning": phase, "trainer": trainer}, folder)
        >>> _ = trainer.add_event_handler(Events.EPOCH_COMPLETED, saver)
        >>> phase_checkpoints(phase, trainer) == [folder]
        True
    """
    savers = [s for engine in engines for s, saved in _savers(engine) if any(thing is unlearning for thing in saved)]
    places = {place for saver in savers for place in _places(saver)}
    if unlearning.states_given and not savers:
        times = "once" if unlearning.states_given == 1 else f"{unlearning.states_given} times"
        places.add(f"wherever the script put what state_dict() of the phase gave it, {times}")
    return sorted(places)


def _savers(engine: Engine) -> Iterator[tuple[Checkpoint, list[Any]]]:
    for handlers in engine._event_handlers.values():
        for handler, given, _ in handlers:
            parent = getattr(
                handler, "_parent", None
            )  # of the wrapper that counts events, Events.EPOCH_COMPLETED(every=2)
            handler = parent() if parent is not None else handler
            if isinstance(handler, Checkpoint):
                # A ModelCheckpoint is given what to save with the event.
                yield (
                    handler,
                    [t for part in (handler.to_save, *given) if isinstance(part, Mapping) for t in part.values()],
                )


def _places(saver: Any) -> list[str]:
    folder = getattr(saver.save_handler, "dirname", None)
    files = [item.filename for item in saver._saved]
    if folder is None:  # a logger's server, or a function of the user's
        return [f"{name} by {type(saver.save_handler).__name__}" for name in files or ["checkpoints"]]
    return [str(Path(folder, name)) for name in files] or [str(folder)]
