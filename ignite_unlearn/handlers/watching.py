"""What a phase saw of the request in the loop's batches, and what was measured says of it, for whoever asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ignite_unlearn.forget.forget import Forget
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.handlers.verdict import Verdict, verdict_by
from ignite_unlearn.handlers.watch import Watch


class Watching:
    """The part of a phase that watches batches.

    Args:
        gan: the GAN that the loop trains.
        forget: the request.
    """

    bounds: Sequence[Mapping[str, Any]]

    def __init__(self, gan: GAN, forget: Forget):
        self._watch = Watch(gan, forget)

    @property
    def verdict(self) -> Verdict:
        """What was measured says of whether it forgot, by the bounds that it was asked to reach; printable."""
        return verdict_by(self.bounds)

    @property
    def found(self) -> dict[str, int | None]:
        """What was seen of the request so far, as a record has it under ``found``."""
        return self._watch.found

    @property
    def rows_found(self) -> int:
        """How many rows of the forget set the batches held so far, counted over epochs."""
        return self._watch.seen.forgotten

    @property
    def items_found(self) -> int | None:
        """How many distinct items the batches held so far; None for classes, and where the loop augments."""
        return self._watch.seen.items

    @property
    def asked_forgotten(self) -> int:
        """How many labels of forgotten classes this process's learning steps gave the generator so far."""
        return self._watch.asked

    def retained_labels(self, n: int) -> Tensor:
        """Returns labels of retained classes for a loop's generator, int64 ``(n,)``; drawn as by ``torch.randint``."""
        return self._watch.retained_labels(n)
