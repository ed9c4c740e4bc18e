"""A phase that ends by itself: it measures what is left, and keeps the best state."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from ignite.engine import Engine
from torch import Tensor

from ignite_unlearn.cascade.aims import Images
from ignite_unlearn.cascade.expected import ExpectedPlace
from ignite_unlearn.cascade.remains import Remains
from ignite_unlearn.cascade.substitutions.substitution import Substitution
from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.borrow import borrow, step_seed
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.weights import KeptWeights
from ignite_unlearn.handlers.handle import phases_on
from ignite_unlearn.handlers.phase import UnlearningPhase
from ignite_unlearn.handlers.stopping import StopWhenForgotten

_EVERY = 5  # iterations from one measurement to the next, or a longer gap between two unlearning steps
_ENOUGH, _ENOUGH_ITEMS = 4, 5  # measurements in a row for a verdict
_PATIENCE, _PATIENCE_ITEMS = 4, 24  # for an end; what a GAN knew of items comes up again for longer
_LONGEST = 32  # learning steps between two unlearning steps, for each that was asked for
_MEASURE = 4  # what a random number stream is for


class SelfStop(StopWhenForgotten):
    """Ends a phase when :class:`.Remains` is within its bounds, four times in a row, 24 times for items.

    Where the loop ends before that, the fifth of items in a row is taken for forgotten.

    What a GAN knew of single images comes back while it learns on others. So with each measurement that is near enough
    to the bounds twice as many learning steps are left between two unlearning steps, with each other one half as many.
    Measurements are taken at the end of such a gap, and no sooner than after five learning steps.

    Where the original GAN is nearer to the bounds than any state that was measured, it is put back.

    Where somebody attaches a :class:`~ignite_unlearn.StopWhenForgotten` of their own, that one decides.

    Args:
        unlearning: the phase.
        substitution: which image a forgotten latent is given.
        unseen: real images that the GAN never saw, for measurements alone, with labels; None: there are none.
        aimed: what is expected of items, by other unseen images; is told what the original's discriminator knew.

    Attributes:
        expected: what is expected of items, by the unseen images of the measurements.
        remains: what is measured; None until the phase begins, and where somebody else decides.
    """

    def __init__(
        self,
        unlearning: UnlearningPhase,
        substitution: Substitution,
        unseen: Images | None,
        aimed: ExpectedPlace,
    ):
        nets = (unlearning.gan.generator, unlearning.gan.discriminator)
        of_class = unlearning.forget.describe().images is None
        patience = _PATIENCE if of_class else _PATIENCE_ITEMS
        super().__init__(unlearning, self._numbers, at_most={"drift": 1.0}, patience=patience, keep=nets)
        self.enough = _ENOUGH if of_class else _ENOUGH_ITEMS
        self._learned = 0  # learning steps since the last measurement
        self._substitution, self._unseen, self._aimed = substitution, unseen, aimed
        self.expected = ExpectedPlace(unlearning.forget.describe().images, unseen)
        self.remains: Remains | None = None

    @property
    def plan(self) -> str:
        """When the phase ends, in words."""
        most = self.unlearning.max_iterations
        last = "" if most is None else f", and at the latest after {most} unlearning steps"
        return (
            f"after {self.patience} measurements in a row that are near their bounds, {_EVERY * self.unlearning.every} "
            f"learning steps or more from one to the next{last}; the logger ignite_unlearn tells each (level INFO)"
        )

    def see(self, retained: Tensor, regions: LatentRegions) -> None:
        """Looks at a batch's retained images ``(N, ...)``, and now and then at where the generator makes items."""
        self.expected.see(retained)
        look_again, phase = getattr(regions, "look_again", None), self.unlearning
        if look_again is not None and phase.iterations % max(_EVERY * phase.every // phase.gap, 1) == 0:
            look_again(phase.gan, self._aimed)

    def state_dict(self) -> dict[str, Any]:
        """Returns what was measured so far, the best state, and what the bounds follow from."""
        return {**super().state_dict(), "expected": self.expected.state_dict(), "learned": self._learned}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads what :meth:`state_dict` returned."""
        super().load_state_dict(state)
        self.expected.load_state_dict(state["expected"])
        self._learned = int(state["learned"])

    def _started(self, engine: Engine) -> None:
        super()._started(engine)
        if self.unlearning.stopping is self and self.remains is None:
            assert self.unlearning.original is not None
            with self._stream():
                self.remains = Remains(
                    self.unlearning.forget, self.unlearning.original, self._substitution, self._unseen, self.expected,
                    self.unlearning.batch_size,
                )  # fmt: skip
            self.of_original = self.remains.of_original
            self._aimed.of_original = self.of_original.get("membership_auc", 1.0)
        # Without a number that could tell, nobody knows whether it was forgotten, and the phase says so at its end.
        self.unlearning.measured = self.unlearning.stopping is not self or bool(self.remains)

    def _look(self, engine: Engine) -> None:
        if self.unlearning.stopping is not self or not self.remains:
            return
        self._learned += self.unlearning.gap
        if self._learned < _EVERY * self.unlearning.every:
            return
        self._learned = 0
        self.at_most, self.at_least = self.remains.at_most, self.remains.at_least
        self.of_chance, self.swing = self.remains.of_chance, self.remains.swing
        super()._look(engine)
        if self.unlearning.forget.describe().images is not None:
            least, gap = self.unlearning.every, self.unlearning.gap
            self.unlearning.gap = min(2 * gap, _LONGEST * least) if self._held else max(gap // 2, least)

    def _ending(self, engine: Engine) -> None:
        if self.unlearning.stopping is self and self.remains:
            self._compare_with_original()
            super()._ending(engine)
            # At the budget too: a loop that goes on would leave the state that was kept.
            most, others = self.unlearning.max_iterations, any(phase.active for phase in phases_on(engine))
            if most is not None and self.unlearning.iterations >= most and not others:
                engine.terminate()

    def _compare_with_original(self) -> None:
        """Takes the original for the best state where it is: of what it does not know a phase may only do harm."""
        original = self.unlearning.original
        assert original is not None and self.remains is not None
        numbers = {**self.remains.of_original, "drift": 0.0}
        if not self._last or self.excess(numbers) >= self._least_excess:
            return
        weights = KeptWeights(original.teacher.generator, original.teacher.discriminator)
        self._kept = KeptWeights(*self._keep)
        self._kept.load_state_dict(weights.state_dict())
        self.best, self._least_excess = numbers, self.excess(numbers)
        self._lasted = self._least_excess == 0
        if self.unlearning.stopped_because is not None:  # else the phase goes on in a further run
            self.unlearning.stop(f"{self.unlearning.stopped_because}, no state was better than the original")

    def _numbers(self, gan: GAN) -> Mapping[str, float]:
        assert self.remains is not None
        with self._stream():  # the same latents each time, so that noise does not pass for progress
            return self.remains(gan)

    def _stream(self) -> AbstractContextManager[None]:
        return borrow(seed=step_seed(self.unlearning.seed, _MEASURE))
