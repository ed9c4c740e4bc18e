"""Stop when forgotten: end the phase as soon as measured numbers are within bounds, and keep the best state."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import ignite.distributed as idist
import torch
from ignite.engine import Engine
from torch import nn

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.weights import KeptWeights
from ignite_unlearn.handlers.events import UnlearningEvents
from ignite_unlearn.handlers.handle import PhaseHandle, phases_on
from ignite_unlearn.handlers.phase import UnlearningPhase
from ignite_unlearn.handlers.streak import Streak
from ignite_unlearn.utils.asked import MEASURE, asks, by_name, kind, maybe, several, whole
from ignite_unlearn.utils.distributed import from_first

logger = logging.getLogger(__name__)
_BOUND = kind("a number", int, float)
Measure: TypeAlias = Callable[[GAN], Mapping[str, float]]


class StopWhenForgotten:
    """Ends the phase, and the run, when it is forgotten and the quality is within tolerance.

    The numbers are shown in ``state.metrics["unlearning/..."]``. Where the phase ends without reaching the
    bounds, the nets given as ``keep`` are put back to the state that came nearest to them, and the reason says so.

    Args:
        unlearning: the phase to stop.
        measure: returns a GAN's numbers, such as ``{"forgotten_share": 0.3, "fid": 12.0}``; called without gradients
            and with nets in eval mode, and what it draws disturbs no random number stream. Every process calls it; the
            numbers are the first one's.
        at_most: upper bounds of some of the numbers.
        at_least: lower bounds.
        every: measure after every so many iterations of the phase.
        patience: in how many measurements in a row the bounds must hold, but for their swing.
        released: the GAN that is released, and so measured, where it is not the one that is trained, such as one with a
            moving average.
        keep: nets that are put back to the best measured state where the bounds were never reached.

    Attributes:
        best: the numbers that came nearest to the bounds so far; None before the first measurement.
        of_original: the original GAN's numbers, where they are known; the verdict then says what shows nothing.
        of_chance: up to what a number may lie by chance where nothing is remembered, where that is known.
        swing: how far outside of its bound a number may lie in all measurements but the one that the phase ends with;
            0 where nothing is said. A number that comes to rest near its bound swings about it.
        streak: for how long the numbers have been near enough, and how long is long enough.
        restored: whether the nets were put back to the best state when the phase ended.

    Raises:
        UnlearningError: if there are no bounds, or a number is missing that a bound is for, or is none.

    Example:
        >>> stopping = StopWhenForgotten(
        ...     unlearning=None, measure=lambda gan: {"forgotten_share": 0.0}, at_most={"forgotten_share": 0.02}
        ... )
        >>> stopping.excess({"forgotten_share": 0.04}), stopping.excess({"forgotten_share": 0.01})
        (1.0, 0.0)
    """

    @asks(
        unlearning=maybe(kind("an unlearning phase", UnlearningPhase)),
        measure=MEASURE,
        at_most=maybe(by_name(_BOUND)),
        at_least=maybe(by_name(_BOUND)),
        every=whole(),
        patience=whole(),
        released=maybe(kind("a GAN", GAN)),
        keep=several("nets", kind("an nn.Module", nn.Module)),
    )
    def __init__(
        self,
        unlearning: UnlearningPhase,
        measure: Measure,
        *,
        at_most: Mapping[str, float] | None = None,
        at_least: Mapping[str, float] | None = None,
        every: int = 1,
        patience: int = 1,
        released: GAN | None = None,
        keep: tuple[nn.Module, ...] = (),
    ):
        self.unlearning = unlearning
        self.measure = measure
        self.at_most = dict(at_most or {})
        self.at_least = dict(at_least or {})
        self.every = every
        if not self.at_most and not self.at_least:
            raise UnlearningError("StopWhenForgotten needs a bound, such as at_most={'forgotten_share': 0.02}.")
        nameless = [name for name, bound in (self.at_most | self.at_least).items() if math.isnan(bound)]
        if nameless:
            raise UnlearningError(f"StopWhenForgotten's bound of {nameless[0]!r} is not a number.")
        if every < 1 or patience < 1:
            raise UnlearningError(f"every={every} and patience={patience} must be at least 1.")
        self.best: dict[str, float] | None = None
        self.of_original: Mapping[str, float] = {}
        self.of_chance: Mapping[str, float] = {}
        self.swing: Mapping[str, float] = {}
        self._released = released
        self._keep = keep
        self._kept: KeptWeights | None = None
        self._left: KeptWeights | None = None
        self.restored = False
        self.streak = Streak(patience)
        self._least_excess, self._lasted = float("inf"), False  # of the best state
        self._last: dict[str, float] = {}

    def excess(self, numbers: Mapping[str, float]) -> float:
        """Returns how far numbers are outside of the bounds, as a sum of shares of the bounds; 0 where all hold.

        A number that is not finite is infinitely far outside: nobody knows what it stands for.
        """
        return self._outside(numbers, {})

    def _outside(self, numbers: Mapping[str, float], swing: Mapping[str, float]) -> float:
        pairs = [(numbers, self.at_most, 1), (numbers, self.at_least, -1)]
        missing = [name for _, bounds, _ in pairs for name in bounds if name not in numbers]
        if missing:
            raise UnlearningError(
                f"measure(gan) returned {sorted(numbers)}: it lacks {missing[0]!r}, which has a bound."
            )
        if not all(math.isfinite(numbers[name]) for name in (*self.at_most, *self.at_least)):
            return math.inf
        return sum(
            max(0.0, sign * (numbers[name] - bound) - swing.get(name, 0.0)) / max(abs(bound), 1e-12)
            for numbers, bounds, sign in pairs
            for name, bound in bounds.items()
        )

    def attach(self, trainer: Engine) -> PhaseHandle:
        """Attaches to a trainer that the phase is attached to; returns a removable handle.

        Raises:
            UnlearningError: if there is no phase to stop.
        """
        if self.unlearning is None:
            raise UnlearningError("StopWhenForgotten(unlearning=None) compares numbers alone: give the phase to stop.")
        phase = self.unlearning
        before = phase.measured, phase.stopping, phase.released

        def removed() -> None:  # what decided before decides again
            if phase.stopping is self and phase.active:
                phase.measured, phase.stopping, phase.released = before

        phase.measured, phase.stopping, phase.released = True, self, self._released or phase.released
        return PhaseHandle(
            self,
            trainer,
            {
                UnlearningEvents.UNLEARNING_STARTED: self._started,
                UnlearningEvents.UNLEARNING_STEP_COMPLETED(every=self.every): self._look,
                UnlearningEvents.UNLEARNING_ENDING: self._ending,
            },
            of=phase,
            also=removed,
        )

    def state_dict(self) -> dict[str, Any]:
        """Returns what was measured so far, and the best state: tensors and plain values only."""
        return {
            "streak": self.streak.state_dict(),
            "least_excess": self._least_excess,
            "lasted": self._lasted,
            "best": self.best,
            "last": self._last,
            "kept": None if self._kept is None else self._kept.state_dict(),
            "left": None if self._left is None else self._left.state_dict(),
            "restored": self.restored,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads what :meth:`state_dict` returned.

        Raises:
            UnlearningError: if its weights are of other nets than ``keep``.
        """
        kept, left = (self._weights(state[name]) for name in ("kept", "left"))
        self._kept, self._left, self.restored = kept, left, bool(state["restored"])
        self.streak.load_state_dict(state["streak"])
        self._least_excess, self._lasted = float(state["least_excess"]), bool(state["lasted"])
        self.best, self._last = state["best"], dict(state["last"])

    def _weights(self, state: Mapping[str, Any] | None) -> KeptWeights | None:
        if state is None:
            return None
        kept = KeptWeights(*self._keep)
        kept.load_state_dict(state)
        return kept

    def _look(self, engine: Engine, gone_by: int = 1) -> None:
        # One process decides for all: a sum in another order must not let them part.
        numbers = from_first(self._measured)
        self.unlearning.shown.show(engine, numbers)
        self._last = numbers
        excess = self.excess(numbers)
        self.streak.judged(near=self._outside(numbers, self.swing) == 0, by=gone_by)
        lasted = excess == 0 and self.streak.lasted
        # Of equal ones the latest: it has held longest against the loop.
        if excess < math.inf and (lasted, -excess) >= (self._lasted, -self._least_excess):
            self._least_excess, self._lasted, self.best = excess, lasted, numbers
            self._kept = KeptWeights(*self._keep)
        logger.info(
            "After %d iterations of the phase: %s; %s.",
            self.unlearning.iterations, self._beside_bounds(numbers), str(self.streak),
        )  # fmt: skip
        if excess == 0 and self.streak.ended:
            shown = ", ".join(f"{_said(name)} {value:.4g}" for name, value in numbers.items())
            self.unlearning.stop(f"its bounds were reached: {shown}")
            if not any(phase.active for phase in phases_on(engine)):
                engine.terminate()

    def _measured(self) -> dict[str, float]:
        """Returns the numbers; of other processes than the first those are not looked at, and may be none."""
        gan = self._released or self.unlearning.gan
        with borrow(gan.generator, gan.discriminator), torch.no_grad():
            measured = self.measure(gan)
        return _numbers(measured) if idist.get_rank() == 0 else {}

    def _started(self, engine: Engine) -> None:
        # Taken up after the end of a run: the phase goes on from where that left it, not from the best state.
        if self._left is not None:
            self._left.restore()
            self._left, self.restored = None, False

    def _ending(self, engine: Engine) -> None:
        if not self._last:  # never measured
            return
        left = self._last
        reached = self.streak.ended and self.excess(left) == 0
        lasted = reached or self._lasted
        if not reached and self._keep and self._kept is not None:
            self._left = KeptWeights(*self._keep)
            self._kept.restore()
            left, self.restored = self.best or left, True
        known = {"of_original": self.of_original, "of_chance": self.of_chance}
        self.unlearning.bounds = [
            {"name": name, "value": left[name], "at_most": self.at_most.get(name), "at_least": self.at_least.get(name)}
            | {key: of[name] for key, of in known.items() if name in of}
            | {"lasted": lasted}
            for name in {**self.at_most, **self.at_least}
        ]
        if not reached and self.unlearning.stopped_because is not None:  # else the phase goes on in a further run
            held = "held" if lasted else f"held {self.streak.too_short}"
            said = "were not reached" if self.excess(left) else held
            self.unlearning.stop(
                f"{self.unlearning.stopped_because}, and its bounds {said}: {self._beside_bounds(left)}"
            )

    def _beside_bounds(self, numbers: Mapping[str, float]) -> str:
        names = dict.fromkeys([*self.at_most, *self.at_least])
        return ", ".join(f"{_said(name)} {_shown(numbers[name])} ({self._bounds_of(name)})" for name in names)

    def _bounds_of(self, name: str) -> str:
        pairs = (("at least", self.at_least), ("at most", self.at_most))
        asked = " and ".join(f"{words} {bounds[name]:.4g}" for words, bounds in pairs if name in bounds)
        near = self.swing.get(name)
        if not near:
            return asked
        return f"{asked}, near enough up to {near:.2g} outside" if math.isfinite(near) else f"{asked}, at the end alone"


def _said(name: str) -> str:
    return name.replace("_", " ")


def _numbers(measured: Any) -> dict[str, float]:
    if not isinstance(measured, Mapping):
        raise UnlearningError(
            f"measure(gan) returned {measured!r}: expected numbers by name, {{'forgotten_share': 0.3}}."
        )
    return {str(name): _number(str(name), value) for name, value in measured.items()}


def _number(name: str, value: Any) -> float:
    if isinstance(value, torch.Tensor) and value.numel() != 1:
        raise UnlearningError(f"measure(gan)'s {name!r} is a tensor of {value.numel()} values: expected a number.")
    try:
        return float(value.detach() if isinstance(value, torch.Tensor) else value)
    except (TypeError, ValueError):
        raise UnlearningError(f"measure(gan)'s {name!r} is {value!r}: expected a number.") from None


def _shown(number: float) -> str:
    return f"{number:.4g}{'' if math.isfinite(number) else ', which is no finite number'}"
