"""What a phase looks at while it runs, and never touches: rows of batches, labels that are asked for, averages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import Forget
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.handlers.alarms import Alarms
from ignite_unlearn.handlers.asked_labels import AskedLabels
from ignite_unlearn.handlers.guesses import guesses
from ignite_unlearn.handlers.rows import Rows
from ignite_unlearn.handlers.seen import Seen


class Watch:
    """Watches a loop for a phase, and warns of what would otherwise be silent.

    Args:
        gan: the GAN that the loop trains.
        forget: the request.

    Attributes:
        seen: what of the request the batches held.
        alarms: what is said of it.
        finite: whether all images of the batches before the last one were, since it was set to None; a bool without
            dimensions on their device, None where there was no such batch.
    """

    def __init__(self, gan: GAN, forget: Forget):
        self._gan = gan
        self._forget = forget
        self.seen = Seen(forget, gan.labels)
        self.alarms = Alarms()
        self.finite: Tensor | None = None
        self._finite: Tensor | None = None  # of the last batch
        self._looked = False  # at how the loop's batches are built
        self._asked: AskedLabels | None = None
        classes = forget.describe().classes
        if gan.labels is not None and classes:
            self._asked = AskedLabels(gan.called, classes, gan.labels)

    @property
    def found(self) -> dict[str, int | None]:
        """What was seen of the request, ``rows``, distinct ``items`` ``of`` so many (None for a class), ``asked``."""
        seen = self.seen
        return {"rows": seen.forgotten, "items": seen.items, "of": seen.named, "asked": self.asked}

    @property
    def asked(self) -> int:
        """How many labels of forgotten classes the loop's own step gave the generator."""
        return 0 if self._asked is None else self._asked.count()

    def rows(self, batch: Any) -> Rows:
        """Returns the rows of a batch, and which of them belong to the forget set.

        Raises:
            UnlearningError: if the batch holds no images, or rows cannot be found in it.
        """
        told, form = self._forget.describe(), self._gan.batch
        if told.by_index and not form.has_images(batch):
            # A loop that fetches its images inside the step, from a ReplacedDataset: the request has its own images.
            return self.no_rows()
        images, labels = form.images(batch), form.labels(batch)
        if not self._looked:
            self._looked = True
            self.alarms.guesses(guesses(self._gan, self._forget, batch))
        if self._finite is not None:
            self.finite = self._finite if self.finite is None else self.finite & self._finite
        self._finite = images.detach().isfinite().all()  # asked for only where something went wrong
        return Rows(images, labels, self._forget.rows(images, labels))

    def no_rows(self) -> Rows:
        """Returns no rows, for a process that has no batch left."""
        return Rows(*self._forget.describe().nothing(), torch.zeros(0, dtype=torch.bool))

    def retained_labels(self, n: int) -> Tensor:
        """Returns ``n`` labels of retained classes; see :meth:`.UnlearningPhase.retained_labels`."""
        forgotten = self._forget.describe().classes
        kept = [k for k in range(self._gan.labels or 0) if k not in forgotten]
        if not kept:
            raise UnlearningError(
                "retained_labels() needs a conditional GAN, GAN(..., labels=how many), and a class that stays."
            )
        return torch.tensor(kept)[torch.randint(len(kept), (n,))].to(self._gan.device)

    def begin_step(self) -> None:
        """Begins to look at the loop's own step."""
        if self._asked is not None:
            self._asked.begin()

    def end_step(self) -> None:
        """Takes the hook off the generator; safe to call twice."""
        if self._asked is not None:
            self._asked.end()

    def step_was_taken(self) -> None:
        """Warns of what the step of an unlearning iteration asked for."""
        self.alarms.labels(self.asked)

    def epoch_ended(self, engine: Engine) -> None:
        """Learns what all processes saw, and warns; a collective call."""
        self.seen.sync()
        self.alarms.labels(self.asked)  # also after the phase, when learning goes on
        self.alarms.seen(self.seen, engine)

    def phase_ended(self, engine: Engine, teacher: GAN, *, measured: bool, released: GAN | None) -> None:
        """Warns of what the end of a phase leaves open."""
        if engine.state.epoch == 0:  # an engine whose events other loops fire knows no epochs
            self.alarms.seen(self.seen, engine)
        if not measured:
            self.alarms.unmeasured()
        self.alarms.averages(engine, self._gan, teacher, released)

    def state_dict(self) -> dict[str, Any]:
        """Returns all counts."""
        return {**self.seen.state_dict(), "asked_forgotten": self.asked}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads the counts."""
        self.seen.load_state_dict(state, mine=idist.get_rank() == 0)
        if self._asked is not None:
            self._asked.set(int(state["asked_forgotten"]))
