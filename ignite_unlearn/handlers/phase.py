"""What every way to unlearn shares: a phase inside a loop that somebody else wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ignite.engine import Engine, Events

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import Forget
from ignite_unlearn.gan.borrow import step_seed
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.weights import KeptWeights
from ignite_unlearn.handlers.check import CheckReport, check_loop
from ignite_unlearn.handlers.company import refuse_company, tell_of_end
from ignite_unlearn.handlers.events import EVENT_TO_ATTR, UnlearningEvents, fire
from ignite_unlearn.handlers.faults import renew, unharmed
from ignite_unlearn.handlers.handle import PhaseHandle
from ignite_unlearn.handlers.image_looks import refuse_unseen
from ignite_unlearn.handlers.meetings import Meetings
from ignite_unlearn.handlers.method import PHASE, UnlearningMethod
from ignite_unlearn.handlers.original import Original
from ignite_unlearn.handlers.rehearsal import rehearse
from ignite_unlearn.handlers.replicas import borrow_alike, refuse_nets
from ignite_unlearn.handlers.rows import Rows
from ignite_unlearn.handlers.shown import Shown
from ignite_unlearn.handlers.watching import Watching
from ignite_unlearn.utils.asked import asks
from ignite_unlearn.utils.clock import Stopwatch
from ignite_unlearn.utils.distributed import together

PREFIX = "unlearning/"
_STEP, _BEGIN = 1, 3  # what a random number stream is for


class UnlearningPhase(UnlearningMethod, Watching):
    """An unlearning phase in a trainer's loop: unlearning steps, then the loop's own learning step.

    A subclass says what an unlearning step is, by :meth:`~.UnlearningMethod.unlearn`, and what it likes of the other
    methods of :class:`.UnlearningMethod`; all else is here. At ``Events.ITERATION_STARTED`` an unlearning step is taken
    with borrowed nets, and then the forget set's rows of ``engine.state.batch`` are replaced, so that the loop's own
    step learns from retained images only. Nothing but the two nets' weights, the batch (a copy) and
    ``engine.state.metrics["unlearning/..."]`` is touched: with a learning rate of 0 the run is bit-identical to one
    without the handler.

    The phase ends when it is stopped, when its budget is spent, when its handle is removed, and when the ``with`` block
    of its handle is left, as often as the trainer is run inside. Without such a block the end of a run ends it too, for
    nobody may come back; if the trainer is run again, it is taken up where the run left it. After its end rows are
    still replaced and labels still watched, until the handle is removed; weights are looked at no more.

    Args:
        gan: the GAN whose nets the trainer trains.
        forget: what to forget, such as ``ForgetClasses({7})``.
        batch_size: images of a request for items in an unlearning step, and what else a method draws.
        every: take an unlearning step only in every so many iterations of the loop. Learning steps in between show what
            comes back by itself, so that the next unlearning step can undo it.
        max_iterations: after so many unlearning steps the phase ends by itself; None: never.
        seed: of the phase's own random numbers, drawn from a stream of their own.
        metrics_prefix: what the phase's numbers are called in ``engine.state.metrics``, before their names; None: they
            are not put there.

    Attributes:
        original: the original GAN, as teacher; None until the phase is attached.
        iterations: how many unlearning steps were taken.
        gap: learning steps from the next unlearning step to the one after it; ``every``, until somebody changes it.
        rested: how many learning steps followed the last unlearning step; fewer than its gap where the run ended first.
        stopped_because: why the phase ended; None while it goes on, and where the run ended first.
        bounds: what a :class:`~ignite_unlearn.StopWhenForgotten` was asked to reach: ``name``, ``value`` when the phase
            ended, ``at_most``, ``at_least``; empty where there was none.
        metrics: the numbers of the last unlearning step.
        shown: these and those of what goes with the phase, :class:`~ignite_unlearn.handlers.shown.Shown`.
        measured: whether something measures what was forgotten, ``StopWhenForgotten`` or ``ErasureRecord(measure=)``;
            set it where you measure by other means. A phase that ends without is warned of.
        firing: whether the event that is handled now is this phase's, where two are on one trainer.
        released: the GAN that is released in place of the trained one, as ``ErasureRecord(released=...)`` says.
        stopping: the :class:`~ignite_unlearn.StopWhenForgotten` that decides on its end, the last attached; or None.
        states_given: how often :meth:`state_dict` was called; each state holds the original GAN.
        handle: what :meth:`attach` returned last; ``handle.remove()`` makes room for the next request on a trainer.

    Raises:
        UnlearningError: if an argument does not fit.
    """

    @asks(**PHASE)
    def __init__(
        self,
        gan: GAN,
        *,
        forget: Forget,
        batch_size: int = 64,
        every: int = 1,
        max_iterations: int | None = None,
        seed: int = 0,
        metrics_prefix: str | None = PREFIX,
    ):
        super().__init__(gan, forget, batch_size=batch_size, every=every)
        self.max_iterations, self.seed, self.metrics_prefix = max_iterations, seed, metrics_prefix
        self.iterations = self.states_given = self.rested = self._replaced = 0
        self.stopped_because: str | None = None
        self.bounds: Sequence[Mapping[str, Any]] = ()
        self.metrics: dict[str, float] = {}
        self.measured = self.firing = False
        self.released: GAN | None = None
        self.stopping: Any = None
        self.original: Original | None = None
        self.handle: PhaseHandle | None = None
        Watching.__init__(self, gan, forget)
        self._last_good: KeptWeights | None = None
        self._running = self._learning = False
        self.gap, self._since = every, -1  # learning steps since the last unlearning step; -1: the next one is due
        self.shown, self._clock, self._meetings = Shown(metrics_prefix), Stopwatch(), Meetings()

    def check(self, loader: Any) -> CheckReport:
        """Looks at data and nets and says, in words, what would not work; true where nothing. It changes nothing."""
        unseen, try_out = self.unseen_images(), partial(rehearse, method=self)
        return check_loop(self.gan, self.forget, loader, seed=self.seed, unseen=unseen, try_out=try_out)

    def attach(self, trainer: Engine) -> PhaseHandle:
        """Attaches the phase to a trainer and keeps the original GAN as teacher: load its weights before.

        ``handle.remove()``, or leaving ``with``, ends the phase and takes everything off the trainer again.

        Raises:
            UnlearningError: if the phase is attached already, the trainer has one for the same nets or of the same
                ``metrics_prefix``, or a net is under opacus, or sharded.
        """
        refuse_nets(self.gan)
        self.gan.decide_trained(trainer)
        refuse_company(self, trainer)
        tell_of_end(self)
        self.original = self.original or Original(self.gan, self.forget, self.seed)
        self.handle = PhaseHandle(
            self,
            trainer,
            {
                Events.ITERATION_STARTED: self._before_learning,
                Events.ITERATION_COMPLETED: self._after_learning,
                Events.EPOCH_COMPLETED: self._epoch_ended,
                Events.TERMINATE: self._run_ended,  # where completion is skipped, nothing else comes
                Events.COMPLETED: self._run_ended,
            },
            events={event: EVENT_TO_ATTR.get(event) for event in UnlearningEvents},
            metrics_prefix=self.metrics_prefix,
            also=self._detached,
        )
        return self.handle

    def _detached(self) -> None:
        self._watch.end_step()

    def renew_original(self) -> None:
        """Makes the GAN, as and where it is now, the original: for loops that load weights or move nets late."""
        self.original = Original(self.gan, self.forget, self.seed)

    def stop(self, reason: str) -> None:
        """Ends the phase: no more unlearning steps; rows are replaced until the handle is removed."""
        self.stopped_because = reason
        self.measured = True  # whoever ends it has seen why

    def end(self, engine: Engine) -> None:
        """Ends the phase where it runs and no step of the loop is half taken; a further run takes it up again."""
        if self._running and not self._learning:
            self._end(engine)

    @property
    def seconds(self) -> float:
        """What the phase took so far in this process, all of its runs' steps and handlers included."""
        return self._clock.seconds

    @property
    def active(self) -> bool:
        """Whether unlearning steps are still taken."""
        return self.stopped_because is None

    def state_dict(self) -> dict[str, Any]:
        """Returns the state of the phase, the teacher's weights included: tensors and plain values only."""
        if self.original is None:
            raise UnlearningError("The phase has no state yet: attach it to the trainer first.")
        self.states_given += 1
        return {
            "iterations": self.iterations,
            "stopped_because": self.stopped_because,
            "gap": [self.gap, self._since],
            "bounds": list(self.bounds),
            "seen": self._watch.state_dict(),
            "step": self.method_state(),
            "original": self.original.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads a state, so that the phase goes on as if it had not been interrupted.

        Raises:
            UnlearningError: if the state is not a phase's, or is of another request or nets; nothing is loaded then.
        """
        missing = {"iterations", "stopped_because", "gap", "bounds", "seen", "step", "original"} - state.keys()
        if missing:
            raise UnlearningError(f"The state is not one of {type(self).__name__}: it lacks {sorted(missing)}.")
        original = self.original or Original(self.gan, self.forget, self.seed)
        original.load_state_dict(state["original"])
        self.load_method_state(state["step"])
        self.original, self.seed = original, original.seed
        self._watch.load_state_dict(state["seen"])
        self.iterations, self.stopped_because = int(state["iterations"]), state["stopped_because"]
        self.bounds = state["bounds"]
        self.gap, self._since = map(int, state["gap"])

    def _before_learning(self, engine: Engine) -> None:
        rows = self._watch.rows(engine.state.batch)
        place = self._meetings.begin(len(rows.forgotten), engine.state.iteration)
        original = self._unlearn_if_due(engine, rows)
        original.place = place
        self._replaced = self._watch.seen.add(rows.images, rows.forgotten)
        engine.state.batch = self.learn_from(original, engine.state.batch, rows.forgotten, place.iteration)
        self._watch.begin_step()

    def _epoch_ended(self, engine: Engine) -> None:
        for _ in self._meetings.left(engine):  # batches of other processes
            self._unlearn_if_due(engine, self._watch.no_rows())
            self._replaced = 0
            self._after_learning(engine)
        if not engine.should_terminate:
            self._watch.epoch_ended(engine)

    def _unlearn_if_due(self, engine: Engine, rows: Rows) -> Original:
        assert self.original is not None, "attach() keeps it"
        original, self._learning = self.original, True
        if self.active:
            self._clock.start()
            if not self._running:
                self._begin(engine, original, rows)
            if self.active and self._since < 0:
                self._unlearn(engine, original, rows)
        return original

    def _begin(self, engine: Engine, original: Original, rows: Rows) -> None:
        self._last_good = kept = KeptWeights(self.gan.generator, self.gan.discriminator)
        if self.iterations == 0:
            together(lambda: refuse_unseen(self.unseen_images(), rows.images))
            original.settle(self.gan)
            _ = original.regions  # looked up before the stream below begins
            with borrow_alike(self.gan, step_seed(self.seed, _BEGIN), frozen_too=True), unharmed(self, kept, rows):
                self.begin(original)
        self._running = True
        fire(self, engine, UnlearningEvents.UNLEARNING_STARTED)

    def _unlearn(self, engine: Engine, original: Original, rows: Rows) -> None:
        kept = together(lambda: renew(self._last_good, self._watch, engine))
        _ = original.regions  # looked up before the stream below begins
        with borrow_alike(self.gan, step_seed(self.seed, _STEP, self.iterations)):
            rows = replace(rows, examples=self.forget.examples(self.batch_size))
            with unharmed(self, kept, rows):
                self.metrics = self.unlearn(original, rows)
        self.iterations += 1
        self._since = 0

    def _after_learning(self, engine: Engine) -> None:
        self._watch.end_step()
        # After the step: some loops assign state.metrics anew in every iteration.
        counted = {"rows_replaced": float(self._replaced), "iterations": float(self.iterations)}
        self.shown.show(engine, {**self.metrics, **counted})
        if self._since == 0:
            fire(self, engine, UnlearningEvents.UNLEARNING_STEP_TAKEN)
        self._since += self._since >= 0
        if self._since >= 0 and (self._since >= self.gap or not self.active):
            self._step_completed(engine)
        self._learning = False

    def _step_completed(self, engine: Engine) -> None:
        self.rested, self._since = self._since, -1
        self._watch.step_was_taken()
        setattr(engine.state, EVENT_TO_ATTR[UnlearningEvents.UNLEARNING_STEP_COMPLETED], self.iterations)
        fire(self, engine, UnlearningEvents.UNLEARNING_STEP_COMPLETED)
        if self.max_iterations is not None and self.active and self.iterations >= self.max_iterations:
            self.stopped_because = f"its budget of {self.max_iterations} iterations is spent"
        if not self.active:
            self._end(engine)

    def _run_ended(self, engine: Engine) -> None:
        if self._running and self.handle is not None and self.handle.entered:
            renew(self._last_good, self._watch, engine)  # weights that are not finite are told now
            self._clock.stop()
        elif self._running:
            if self._since >= 0:
                self._step_completed(engine)
            self.end(engine)

    def _end(self, engine: Engine) -> None:
        self._running = False
        assert self.original is not None
        together(lambda: renew(self._last_good, self._watch, engine))
        self._watch.seen.sync()
        fire(self, engine, UnlearningEvents.UNLEARNING_ENDING)
        self._clock.stop()
        fire(self, engine, UnlearningEvents.UNLEARNING_COMPLETED)
        # After it: whoever turns warnings into errors keeps the record.
        self._watch.phase_ended(engine, self.original.teacher, measured=self.measured, released=self.released)
