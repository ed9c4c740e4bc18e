"""Metrics that need all images at once: rows are collected over batches and processes, and an evaluation resumes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import ignite.distributed as idist
import numpy as np
import torch
from ignite.exceptions import NotComputableError
from ignite.metrics import Metric
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.metrics.feature_rows import feature_rows
from ignite_unlearn.metrics.features import FeatureExtractor
from ignite_unlearn.utils.answers import answer
from ignite_unlearn.utils.asked import ANYTHING, CALL, Asked, asks, maybe
from ignite_unlearn.utils.distributed import gather_rows


def as_it_is(output: Any) -> Any:
    """Returns the engine's output: what a metric's ``output_transform`` is where none is given."""
    return output


class Collected(Metric):
    """Collects rows of tensors under names; subclasses say what a batch adds and what is computed of all rows.

    The rows are kept on the CPU. :meth:`rows` gathers those of all processes; each may have seen other batches.
    """

    def reset(self) -> None:
        """Forgets all rows."""
        self._collected: dict[str, Tensor] = {}

    def add(self, name: str, rows: Tensor) -> None:
        """Adds rows ``(N, ...)`` under a name."""
        rows = rows.detach().cpu()
        self._collected[name] = torch.cat([self._collected[name], rows]) if name in self._collected else rows

    def rows(self, name: str) -> Tensor | None:
        """Returns the rows of all processes, None if there are none: every process must ask for them."""
        return gather_rows(self._collected.get(name))

    def state_dict(self) -> Any:
        """Returns the rows of each process: a collective call."""
        mine = dict(self._collected)
        return {"processes": idist.all_gather(mine) if idist.get_world_size() > 1 else [mine]}

    def load_state_dict(self, state_dict: Any) -> None:
        """Loads this process's rows.

        Raises:
            UnlearningError: if they were saved by another number of processes.
        """
        processes = state_dict["processes"]
        if len(processes) != idist.get_world_size():
            raise UnlearningError(
                f"{type(self).__name__} was saved by {len(processes)} processes and cannot be resumed by "
                f"{idist.get_world_size()}: use as many, or begin the evaluation anew."
            )
        self._collected = dict(processes[idist.get_rank()])


_FEATURES = Asked("features as an array (N, F)", lambda x: isinstance(x, np.ndarray) and x.ndim == 2)


class FeatureDistance(Collected):
    """A distance between generated and real images in a feature space; subclasses say which.

    Args:
        extractor: the feature space.
        real: features ``(M, F)`` of the real images where they are always the same, such as what
            :func:`~ignite_unlearn.metrics.feature_cache.cached_features` returns; then updates may hold None for the
            real images. For the distance to the retrained GAN (Ret-FID) they are the features of its samples.
        output_transform: from the engine's output to what :meth:`update` takes.
    """

    @asks(extractor=CALL, real=maybe(_FEATURES), output_transform=CALL)
    def __init__(
        self,
        extractor: FeatureExtractor,
        *,
        real: np.ndarray | None = None,
        output_transform: Callable[..., Any] = as_it_is,
    ):
        self.extractor = extractor
        self._fixed = real
        super().__init__(output_transform)

    def update(self, output: tuple[Tensor | None, Tensor | None]) -> None:
        """Adds ``(generated, real)`` images; either may be None."""
        for kind, images in zip(("generated", "real"), output, strict=True):
            if images is not None:
                self.add(kind, torch.from_numpy(self._of(images)))

    def _of(self, images: Tensor) -> np.ndarray:
        return feature_rows(answer("the extractor", ANYTHING, self.extractor, images), len(images))

    def features(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the features of all generated and all real images, of all processes.

        Raises:
            NotComputableError: if one of the two kinds is missing.
        """
        generated, seen = self.rows("generated"), self.rows("real")
        real = [part for part in (self._fixed, None if seen is None else seen.numpy()) if part is not None]
        if generated is None or not real:
            raise NotComputableError(f"{type(self).__name__} needs generated and real images before compute().")
        return generated.numpy(), np.concatenate(real)

    def compute(self) -> float:
        """Returns the distance between all generated and all real images."""
        return self.distance(*self.features())

    @staticmethod
    @abstractmethod
    def distance(generated: np.ndarray, real: np.ndarray) -> float:
        """Returns the distance between two sets of features ``(N, F)`` and ``(M, F)``."""
