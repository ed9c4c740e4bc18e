"""Losses and numbers of a run's loops for TensorBoard, by Ignite's own logger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events
from ignite.handlers import TensorboardLogger
from torch import Tensor

from ignite_unlearn.errors import UnlearningError

_POINTS = 1000  # of a curve at most; TensorBoard shows no more by itself


class TensorBoard:
    """Writes what each loop of a run returns and measures, each loop into a folder of its own.

    So TensorBoard lists the loops as its runs, and lays the losses of the original and the retrained GAN over each
    other.

    Args:
        folder: where the loops' folders are made; it may hold those of other runs.

    Raises:
        UnlearningError: if no package is installed that writes such files.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        _refuse_missing()

    @contextmanager
    def follow(self, engine: Engine, iterations: int, title: str) -> Iterator[None]:
        """Writes the numbers of a loop; see :class:`.Observer`.

        Raises:
            OSError: if the folder cannot be written.
        """
        logger = TensorboardLogger(log_dir=self._folder / _as_name(title), purge_step=engine.state.iteration + 1)
        often = Events.ITERATION_COMPLETED(every=max(1, iterations // _POINTS))
        handle = logger.attach_output_handler(
            engine, event_name=often, tag="loop", metric_names="all", output_transform=_numbers
        )
        try:
            with handle:
                yield
        finally:
            logger.close()


def _refuse_missing() -> None:
    for name in ("tensorboardX", "torch.utils.tensorboard"):  # where TensorboardLogger looks
        with suppress(ImportError):
            import_module(name)
            return
    raise UnlearningError(
        "TensorBoard's files need a package that is not installed: pip install 'ignite-unlearn[tensorboard]'."
    )


def _as_name(title: str) -> str:
    return "_".join("".join(sign if sign.isalnum() else " " for sign in title).split())


def _numbers(output: Any) -> dict[str, Any]:
    """Returns what a learning step returned by name; nothing where it returned no numbers."""
    named = output if isinstance(output, dict) else {"loss": output}
    return {name: value for name, value in named.items() if isinstance(value, (int, float, Tensor))}
