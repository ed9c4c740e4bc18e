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
from ignite_unlearn.cascade.rhythm import Rhythm
from ignite_unlearn.cascade.substitutions.substitution import Substitution
from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.borrow import borrow, step_seed
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.weights import KeptWeights
from ignite_unlearn.handlers.handle import phases_on
from ignite_unlearn.handlers.phase import UnlearningPhase
from ignite_unlearn.handlers.stopping import StopWhenForgotten
from ignite_unlearn.handlers.streak import Streak

_EVERY = 5  # iterations from one measurement to the next, or a longer gap between two unlearning steps
_PATIENCE = 4  # measurements in a row for an end
_STAYS = 2048  # learning steps in a row for an end of items: what a GAN knew of them comes up again for longer
_LASTS = 256  # likewise for a verdict, where the loop ends before that: after fewer most of it came back
_BOUNDS = ("at_most", "at_least", "of_chance", "swing")  # that follow from what was measured
_MEASURE = 4  # what a random number stream is for


class SelfStop(StopWhenForgotten):
    """Ends a phase when :class:`.Remains` is within its bounds, four times in a row.

    Items are to stay away for 2,048 learning steps, in pauses between unlearning steps (:class:`.Rhythm`). Where the
    loop ends before that, they are called forgotten if they stayed away for 256. Measurements are taken at the end of a
    pause, and no sooner than after five learning steps.

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
        super().__init__(unlearning, self._numbers, at_most={"drift": 1.0}, keep=nets)
        self._rhythm = None if of_class else Rhythm(unlearning.every)
        stays = Streak(self._steps(_STAYS), self._steps(_LASTS), "learning steps")
        self.streak = Streak(_PATIENCE) if of_class else stays
        self._learned = 0  # learning steps since the last measurement
        self._substitution, self._unseen, self._aimed = substitution, unseen, aimed
        self.expected = ExpectedPlace(unlearning.forget.describe().images, unseen)
        self.remains: Remains | None = None

    @property
    def plan(self) -> str:
        """When the phase ends, in words."""
        most = self.unlearning.max_iterations
        last = "" if most is None else f", and at the latest after {most} unlearning steps"
        near = (
            f"after {self.streak.ends} measurements in a row that are near their bounds, {self._steps(_EVERY)} "
            "learning steps or more from one to the next"
            if self._rhythm is None
            else f"when all measurements of {self.streak.ends} learning steps were near their bounds, and called "
            f"forgotten after {self.streak.lasts}"
        )
        return f'{near}{last}; ignite.utils.setup_logger("ignite_unlearn", reset=True) has each told'

    def see(self, retained: Tensor, regions: LatentRegions) -> None:
        """Looks at a batch's retained images ``(N, ...)``, and now and then at where the generator makes items."""
        self.expected.see(retained)
        look_again, phase = getattr(regions, "look_again", None), self.unlearning
        if look_again is not None and phase.iterations % max(_EVERY * phase.every // phase.gap, 1) == 0:
            look_again(phase.gan, self._aimed)

    def state_dict(self) -> dict[str, Any]:
        """Returns what was measured so far, the best state, and what the bounds follow from."""
        own = {
            "expected": self.expected.state_dict(),
            "learned": self._learned,
            "bounds": {name: dict(getattr(self, name)) for name in _BOUNDS},
        }
        return {**super().state_dict(), **own, "rhythm": None if self._rhythm is None else self._rhythm.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads what :meth:`state_dict` returned."""
        super().load_state_dict(state)
        self.expected.load_state_dict(state["expected"])
        self._learned = int(state["learned"])
        # What was measured last was judged by these: the run may end before another measurement.
        for name, bounds in state.get("bounds", {}).items():
            setattr(self, name, dict(bounds))
        if self._rhythm is not None:
            self._rhythm.load_state_dict(state["rhythm"])

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

    def _look(self, engine: Engine, gone_by: int = 1) -> None:
        if self.unlearning.stopping is not self or not self.remains:
            return
        self._learned += self.unlearning.rested
        following = None if self._rhythm is None else self._rhythm.in_burst()
        if following is not None:
            self.unlearning.gap = following
            return
        if self._learned < self._steps(_EVERY):
            return
        for name in _BOUNDS:
            setattr(self, name, getattr(self.remains, name))
        gone_by = gone_by if self._rhythm is None else self._learned
        self._learned = 0
        super()._look(engine, gone_by)
        if self._rhythm is not None:
            settled = all(self._last[name] <= most for name, most in self.remains.settled.items())
            self.unlearning.gap = self._rhythm.judged(settled=settled)

    def _steps(self, count: int) -> int:
        """Returns how many learning steps that is where the unlearning steps are farther apart."""
        return count * self.unlearning.every

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
