"""Checkpoints of the long parts of a run: half a minute of work is lost at most, whatever stops it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from ignite.handlers import Checkpoint
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.runs.interrupts import heard
from ignite_unlearn.runs.provenance import Fingerprint
from ignite_unlearn.utils.clock import wall_clock
from ignite_unlearn.utils.files import read_weights, save_weights

_SAVE_EVERY = 30.0  # seconds from one checkpoint to the next
_MADE_BY = "made_by"  # in a checkpoint: the fingerprint of what it is of

logger = logging.getLogger(__name__)


def checkpoint_path(folder: Path, name: str) -> Path:
    """Returns where the checkpoint of what will be ``name.pt`` lies."""
    return folder / f"{name}.checkpoint.pt"


class Clock:
    """Wall-clock seconds over all processes that worked on something."""

    def __init__(self) -> None:
        self._before, self._start = 0.0, wall_clock()

    @property
    def seconds(self) -> float:
        """How many so far."""
        return self._before + wall_clock() - self._start

    def state_dict(self) -> dict[str, float]:
        """Returns the seconds so far."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from the seconds that :meth:`state_dict` returned."""
        self._before, self._start = float(state["seconds"]), wall_clock()


class Stream:
    """Torch's random number stream, which draws batches and latents."""

    def state_dict(self) -> dict[str, Tensor]:
        """Returns where the stream is."""
        return {"torch": torch.get_rng_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Puts the stream where it was."""
        torch.set_rng_state(state["torch"])


class Checkpoints:
    """The checkpoint of a loop: everything that it needs to go on as if it had not been stopped.

    Args:
        path: of the file.
        objects: by name, with ``state_dict`` and ``load_state_dict``.
        fingerprint: what the work depends on; a checkpoint of other work is refused.
    """

    def __init__(self, path: Path, objects: Mapping[str, Any], fingerprint: Fingerprint):
        self._path, self._fingerprint = path, fingerprint
        self._objects = {**objects, "stream": Stream()}

    def load(self) -> bool:
        """Loads the checkpoint, and returns whether there is one.

        Raises:
            UnlearningError: if it is of other work, or does not fit.
        """
        path = self._path
        if not path.exists():
            return False
        content = read_weights(path)
        made_by = content.pop(_MADE_BY, None)
        if not isinstance(made_by, dict):
            raise UnlearningError(f"{path} does not tell by which seed and options: delete the file to begin anew.")
        different = self._fingerprint.differences(made_by)
        if different:
            raise UnlearningError(
                f"{path} is of a training by {', '.join(different)}: resume with the seed and options that began it, "
                "give another --out, or delete the file to begin anew."
            )
        try:
            Checkpoint.load_objects(dict(self._objects), content)
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise UnlearningError(
                f"{path} does not fit this training ({str(error).splitlines()[0]}): delete the file to begin anew."
            ) from error
        logger.info("%s is taken up.", path)
        return True

    @contextmanager
    def saving(self, engine: Engine, check: Callable[[Engine], object] = lambda engine: None) -> Iterator[None]:
        """Saves after an iteration every half minute, at once when SIGINT or SIGTERM asks for the end, and at the end.

        Args:
            engine: of the loop; all else that its iterations change is attached before.
            check: raises where the state is not worth going on from.

        Raises:
            KeyboardInterrupt: when a signal has asked for the end, and the state is saved.
        """
        made_by = self._fingerprint.as_note()
        saver = Checkpoint(
            dict(self._objects), lambda content, *_: save_weights(self._path, {**content, _MADE_BY: made_by})
        )
        saved = wall_clock()

        def save(engine: Engine) -> None:
            nonlocal saved
            if signals or wall_clock() - saved >= _SAVE_EVERY:
                check(engine)
                saver(engine)
                saved = wall_clock()
                logger.info("%s is saved, in iteration %d.", self._path, engine.state.iteration)
            signals.obey()

        with heard() as signals, engine.add_event_handler(Events.ITERATION_COMPLETED, save):
            yield
            check(engine)
            saver(engine)
            signals.obey()
