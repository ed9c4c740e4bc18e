"""When a phase ends, and what is done in the loop after it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, cast

from ignite.engine import Engine
from torch import nn

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.handlers.phase import UnlearningPhase
from ignite_unlearn.handlers.stopping import StopWhenForgotten
from ignite_unlearn.recipes.settings import setting
from ignite_unlearn.recipes.tasks.task import Evaluation, QuickEvaluation, Task

_SHARE_ABOVE_AIM = "share_above_substitutes"  # as records have it


class Ending(Protocol):
    """Ends a phase, and says what it reached."""

    def attach(self, engine: Engine) -> contextlib.AbstractContextManager[Any]:
        """Attaches to the loop, for as long as the context lasts."""

    @property
    def bounds(self) -> Sequence[Mapping[str, Any]]:
        """What the phase was asked to reach, as in a record."""

    def state_dict(self) -> dict[str, Any]:
        """Returns what was measured so far."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads what :meth:`state_dict` returned."""


class Stop(Protocol):
    """When a phase ends: a frozen dataclass, whose settings ``--set`` can change."""

    @property
    def later(self) -> tuple[int, ...]:
        """After how many learning steps since the phase numbers are measured again, ascending."""

    def check(self, task: Task) -> None:
        """Checks that such a task can be stopped so.

        Raises:
            UnlearningError: if it cannot.
        """

    def evaluation(self, make: Callable[..., Evaluation]) -> Evaluation | None:
        """Returns what judges while the phase runs, made by ``make(samples=...)``; None: nothing does."""

    def ending(
        self,
        phase: UnlearningPhase,
        *,
        evaluation: Evaluation | None,
        original: GAN,
        released: GAN,
        aim: Callable[[], GAN | None],
    ) -> Ending:
        """Returns what ends the phase.

        Args:
            phase: the phase.
            evaluation: what :meth:`evaluation` returned.
            original: the original GAN, which quality is compared with.
            released: the GAN as it would be released now.
            aim: returns the GAN that the running phase teaches; see :meth:`.Method.aim`.
        """


@dataclass(frozen=True)
class LooksLater:
    """After the phase the loop learns on, to show what comes back.

    Numbers of the first look are called ``..._later``, those of further ones by their steps, such as
    ``..._later_2000``.
    """

    later: tuple[int, ...] = setting(
        (200,),
        "learning steps after the phase at which its numbers are measured again",
        before=(200,),  # a look changes no other number
    )

    def check(self, task: Task) -> None:
        """Takes any task, and looks that go on from one to the next.

        Raises:
            UnlearningError: if they do not.
        """
        if any(steps <= before for before, steps in pairwise((0, *self.later))):
            raise UnlearningError(
                f"--set later={','.join(map(str, self.later))} does not fit: expected numbers of at least 1, each "
                "larger than the one before, such as 200,2000."
            )


@dataclass(frozen=True)
class WhenForgotten(LooksLater):
    """The phase ends when the GAN shows no more of the classes than it is taught, and is as good as it was."""

    share_tolerance: float = setting(
        0.015, "how much more than its substitutes a class may show; -2: none", at_least=-2, at_most=1
    )
    fid_tolerance: float = setting(0.04, "how much the FID may rise, as a share of the original's", at_least=0)
    judge_every: int = setting(2, "iterations from one judgement to the next", at_least=1)
    judge_samples: int = setting(20, "images of a judgement, of each class where there are labels", at_least=2)

    def check(self, task: Task) -> None:
        """Refuses a task of which it cannot be measured in passing whether it is done.

        Raises:
            UnlearningError: if it cannot, or later looks do not fit.
        """
        super().check(task)
        if not task.quick:
            raise UnlearningError(
                f"Whether {task.kind} are forgotten is not measured while the phase runs: use stop=AfterIterations()."
            )

    def evaluation(self, make: Callable[..., Evaluation]) -> Evaluation:
        """Returns a quick one."""
        return make(samples=self.judge_samples)

    def ending(
        self,
        phase: UnlearningPhase,
        *,
        evaluation: Evaluation | None,
        original: GAN,
        released: GAN,
        aim: Callable[[], GAN | None],
    ) -> Ending:
        """Returns what judges every few iterations; see :class:`Stop`."""
        judged = cast("QuickEvaluation", evaluation)
        fid = judged.quick(original)["fid"] * (1 + self.fid_tolerance)
        return _Judged(phase, judged, released, aim, share=self.share_tolerance, fid=fid, every=self.judge_every)


class _Judged:
    """Judges by the forgotten share above that of the aim, and by FID."""

    def __init__(
        self,
        phase: UnlearningPhase,
        evaluation: QuickEvaluation,
        released: GAN,
        aim: Callable[[], GAN | None],
        *,
        share: float,
        fid: float,
        every: int,
    ):
        self._phase, self._evaluation, self._aim = phase, evaluation, aim
        self._aimed_at: float | None = None
        keep: tuple[nn.Module, ...] = (released.generator, released.discriminator)
        at_most = {_SHARE_ABOVE_AIM: share, "fid": fid}
        self._stopping = StopWhenForgotten(
            phase, self._measure, at_most=at_most, every=every, released=released, keep=keep
        )

    def attach(self, engine: Engine) -> contextlib.AbstractContextManager[Any]:
        return self._stopping.attach(engine)

    @property
    def bounds(self) -> Sequence[Mapping[str, Any]]:
        return [
            {**bound, "of_substitutes": self._aimed_at} if bound["name"] == _SHARE_ABOVE_AIM else bound
            for bound in self._phase.bounds
        ]

    def state_dict(self) -> dict[str, Any]:
        return {"stopping": self._stopping.state_dict(), "aimed_at": self._aimed_at}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._stopping.load_state_dict(state["stopping"])
        self._aimed_at = state["aimed_at"]

    def _measure(self, gan: GAN) -> dict[str, float]:
        numbers = self._evaluation.quick(gan)
        if self._aimed_at is None:  # once: the aim moves no more
            aim = self._aim()
            self._aimed_at = 0.0 if aim is None else self._evaluation.share(aim)
        return numbers | {_SHARE_ABOVE_AIM: numbers["forgotten_share"] - self._aimed_at}


@dataclass(frozen=True)
class AfterIterations(LooksLater):
    """The phase ends by its iterations alone."""

    def evaluation(self, make: Callable[..., Evaluation]) -> None:
        """Returns None."""

    def ending(
        self,
        phase: UnlearningPhase,
        *,
        evaluation: Evaluation | None,
        original: GAN,
        released: GAN,
        aim: Callable[[], GAN | None],
    ) -> Ending:
        """Returns what leaves the phase alone; see :class:`Stop`."""
        return _Unjudged(phase)


class _Unjudged:
    def __init__(self, phase: UnlearningPhase):
        self._phase = phase

    def attach(self, engine: Engine) -> contextlib.AbstractContextManager[Any]:
        return contextlib.nullcontext()

    @property
    def bounds(self) -> Sequence[Mapping[str, Any]]:
        return self._phase.bounds

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        pass
