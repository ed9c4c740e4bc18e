"""What every way to unlearn shares: a phase inside a loop that somebody else wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ignite.engine import Engine, Events
from torch import Tensor

from ignite_unlearn.errors import UnlearningDivergedError, UnlearningError
from ignite_unlearn.forget.forget import Forget
from ignite_unlearn.gan.borrow import borrow, step_seed
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.weights import KeptWeights
from ignite_unlearn.handlers.check import CheckReport, check_loop
from ignite_unlearn.handlers.events import EVENT_TO_ATTR, UnlearningEvents
from ignite_unlearn.handlers.handle import PhaseHandle
from ignite_unlearn.handlers.method import UnlearningMethod
from ignite_unlearn.handlers.original import Original
from ignite_unlearn.handlers.private import refuse_private
from ignite_unlearn.handlers.rows import Rows
from ignite_unlearn.handlers.watch import Watch
from ignite_unlearn.utils.clock import wall_clock

PREFIX = "unlearning/"
_STEP, _BEGIN = 1, 3  # what a random number stream is for


class UnlearningPhase(UnlearningMethod):
    """An unlearning phase in a trainer's loop: unlearning steps, then the loop's own learning step.

    A subclass says what an unlearning step is, by :meth:`~.UnlearningMethod.unlearn`, and what it likes of the other
    methods of :class:`.UnlearningMethod`; all else is here. At ``Events.ITERATION_STARTED`` an unlearning step is taken
    with borrowed nets, and then the forget set's rows of ``engine.state.batch`` are replaced, so that the loop's own
    step learns from retained images only. Nothing but the two nets' weights, the batch (a copy) and
    ``engine.state.metrics["unlearning/..."]`` is touched: with a learning rate of 0 the run is bit-identical to one
    without the handler. After the phase has ended rows are still replaced, until the handle is removed.

    Args:
        gan: the GAN whose nets the trainer trains.
        forget: what to forget, such as ``ForgetClasses({7})``.
        batch_size: images of a request for items in an unlearning step, and what else a method draws.
        every: take an unlearning step only in every so many iterations of the loop. Learning steps in between show what
            comes back by itself, so that the next unlearning step can undo it.
        max_iterations: after so many unlearning steps the phase ends by itself; None: with the run, or when stopped.
        seed: of the phase's own random numbers, drawn from a stream of their own.

    Attributes:
        original: the original GAN, as teacher; None until the phase is attached.
        iterations: how many unlearning steps were taken.
        stopped_because: why the phase ended; None while it goes on, and where the run ended first.
        bounds: what a :class:`~ignite_unlearn.StopWhenForgotten` was asked to reach: ``name``, ``value`` when the phase
            ended, ``at_most``, ``at_least``; empty where there was none.
        seconds: what the phase took so far in this process, the loop's own steps and all handlers included.
        metrics: the numbers of the last unlearning step.
        measured: whether something measures what was forgotten, ``StopWhenForgotten`` or ``ErasureRecord(measure=)``;
            set it where you measure by other means. A phase that ends without is warned of.
        released: the GAN that is released in place of the trained one, as ``ErasureRecord(released=...)`` says.
        states_given: how often :meth:`state_dict` was called; each state holds the original GAN.
        handle: what :meth:`attach` returned last; ``handle.remove()`` makes room for the next request on a trainer.

    Raises:
        UnlearningError: if an argument does not fit.

    Example:
        >>> import torch
        >>> from ignite_unlearn import GAN, ForgetClasses
        >>> class FineTuning(UnlearningPhase):
        ...     name = "fine-tuning"
        ...
        ...     def unlearn(self, original, rows):
        ...         return {}  # the loop's own step does all
        >>> netG = torch.nn.Embedding(3, 16)
        >>> netD = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 1))
        >>> gan = GAN(
        ...     netG, netD, latents=(16,), labels=3, generate=lambda net, z, y: (z + net(y)).view(-1, 1, 4, 4)
        ... )
        >>> trainer = Engine(lambda engine, batch: batch[1].tolist())
        >>> phase = FineTuning(gan, forget=ForgetClasses({2}))
        >>> phase.measured = True
        >>> with phase.attach(trainer):
        ...     state = trainer.run([(torch.zeros(6, 1, 4, 4), torch.arange(6) % 3)])
        >>> 2 in state.output, phase.iterations, phase.settings()
        (False, 1, {'options': {'every': 1, 'batch_size': 64}})
    """

    def __init__(
        self,
        gan: GAN,
        *,
        forget: Forget,
        batch_size: int = 64,
        every: int = 1,
        max_iterations: int | None = None,
        seed: int = 0,
    ):
        if min(batch_size, every) < 1 or (max_iterations is not None and max_iterations < 1):
            raise UnlearningError(
                f"batch_size={batch_size}, every={every} and max_iterations={max_iterations} must be at least 1."
            )
        super().__init__(gan, forget, batch_size=batch_size, every=every)
        self.max_iterations, self.seed = max_iterations, seed
        self.iterations = self.states_given = 0
        self.stopped_because: str | None = None
        self.bounds: Sequence[Mapping[str, Any]] = ()
        self.seconds = self._since = 0.0
        self.metrics: dict[str, float] = {}
        self.measured = False
        self.released: GAN | None = None
        self.original: Original | None = None
        self.handle: PhaseHandle | None = None
        self._watch = Watch(gan, forget)
        self._last_good: KeptWeights | None = None
        self._running = self._stepped = False
        self._replaced = 0

    @property
    def found(self) -> dict[str, int | None]:
        """What was seen of the request so far, as a record has it under ``found``."""
        return self._watch.found

    def check(self, loader: Any) -> CheckReport:
        """Looks at data and nets and says, in words, what would not work; true where nothing. It changes nothing."""
        return check_loop(
            self.gan, self.forget, loader, seed=self.seed, unseen=self.unseen_images(), try_out=self.try_out
        )

    def attach(self, trainer: Engine) -> PhaseHandle:
        """Attaches the phase to a trainer and keeps the original GAN as teacher: load its weights before.

        ``handle.remove()``, or leaving ``with``, takes everything off the trainer again.

        Raises:
            UnlearningError: if the phase is attached already, the trainer has one, or a net is under opacus.
        """
        refuse_private(self.gan)
        self.gan.decide_trained(trainer)
        if self.original is None:
            self.renew_original()
        self.handle = PhaseHandle(
            self,
            trainer,
            {
                Events.ITERATION_STARTED: self._before_learning,
                Events.ITERATION_COMPLETED: self._after_learning,
                Events.EPOCH_COMPLETED: self._watch.epoch_ended,
                Events.TERMINATE: self._run_ended,  # where completion is skipped, nothing else comes
                Events.COMPLETED: self._run_ended,
            },
            events={event: EVENT_TO_ATTR.get(event) for event in UnlearningEvents},
            metrics_prefix=PREFIX,
            also=self._watch.end_step,
        )
        return self.handle

    def renew_original(self) -> None:
        """Says that the original is the GAN as it is now, and where it is now, in the place of that at :meth:`attach`.

        For loops that load weights, or move nets to a device, once they run.
        """
        self.original = Original(self.gan, self.forget, self.seed)

    def stop(self, reason: str) -> None:
        """Ends the phase: no more unlearning steps; rows are replaced until the handle is removed."""
        self.stopped_because = reason
        self.measured = True  # whoever ends it has seen why

    @property
    def active(self) -> bool:
        """Whether unlearning steps are still taken."""
        return self.stopped_because is None

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

    def state_dict(self) -> dict[str, Any]:
        """Returns the state of the phase, the teacher's weights included: tensors and plain values only."""
        if self.original is None:
            raise UnlearningError("The phase has no state yet: attach it to the trainer first.")
        self.states_given += 1
        return {
            "iterations": self.iterations,
            "stopped_because": self.stopped_because,
            "seen": self._watch.state_dict(),
            "step": self.method_state(),
            "original": self.original.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads a state, so that the phase goes on as if it had not been interrupted.

        Raises:
            UnlearningError: if the state is not a phase's, or is of other nets; nothing is loaded then.
        """
        missing = {"iterations", "stopped_because", "seen", "step", "original"} - state.keys()
        if missing:
            raise UnlearningError(f"The state is not one of {type(self).__name__}: it lacks {sorted(missing)}.")
        original = self.original or Original(self.gan, self.forget, self.seed)
        original.load_state_dict(state["original"])
        self.load_method_state(state["step"])
        self.original, self.seed = original, original.seed
        self._watch.load_state_dict(state["seen"])
        self.iterations = int(state["iterations"])
        self.stopped_because = state["stopped_because"]

    def _before_learning(self, engine: Engine) -> None:
        assert self.original is not None, "attach() keeps it"
        batch = engine.state.batch
        rows = self._watch.rows(batch)
        self._stepped = False
        if self.active:
            if not self._running:
                self._begin(engine, self.original)
            if self.active and (engine.state.iteration - 1) % self.every == 0:
                self._unlearn(self.original, rows)
        self._replaced = self._watch.seen.add(rows.images, rows.forgotten)
        # The collectives of distributed loops are all in the unlearning step; a process without rows goes on alone.
        engine.state.batch = self.learn_from(self.original, batch, rows.forgotten, engine.state.iteration)
        self._watch.begin_step()

    def _begin(self, engine: Engine, original: Original) -> None:
        self._since = wall_clock()
        if self.iterations == 0:
            original.settle(self.gan)
            _ = original.regions  # looked up before the stream below begins
            with borrow(self.gan.generator, self.gan.discriminator, seed=step_seed(self.seed, _BEGIN), frozen_too=True):
                self.begin(original)
        self._last_good = KeptWeights(self.gan.generator, self.gan.discriminator)
        self._running = True
        engine.fire_event(UnlearningEvents.UNLEARNING_STARTED)

    def _unlearn(self, original: Original, rows: Rows) -> None:
        assert self._last_good is not None
        _ = original.regions  # looked up before the stream below begins
        self._last_good.renew()
        with borrow(self.gan.generator, self.gan.discriminator, seed=step_seed(self.seed, _STEP, self.iterations)):
            try:
                self.metrics = self.unlearn(original, replace(rows, examples=self.forget.examples(self.batch_size)))
            except UnlearningDivergedError:
                self._last_good.restore()
                raise
        self.iterations += 1
        self._stepped = True

    def _after_learning(self, engine: Engine) -> None:
        self._watch.end_step()
        # After the step: some loops assign state.metrics anew in every iteration.
        numbers = {**self.metrics, "rows_replaced": float(self._replaced), "iterations": float(self.iterations)}
        engine.state.metrics.update({PREFIX + name: value for name, value in numbers.items()})
        if not self._stepped:
            return
        self._watch.step_was_taken()
        setattr(engine.state, EVENT_TO_ATTR[UnlearningEvents.UNLEARNING_STEP_COMPLETED], self.iterations)
        engine.fire_event(UnlearningEvents.UNLEARNING_STEP_COMPLETED)
        if self.max_iterations is not None and self.active and self.iterations >= self.max_iterations:
            self.stopped_because = f"its budget of {self.max_iterations} iterations is spent"
        if not self.active:
            self._end(engine)

    def _run_ended(self, engine: Engine) -> None:
        if self._running:
            self._end(engine)

    def _end(self, engine: Engine) -> None:
        self._running = False
        assert self._last_good is not None and self.original is not None
        self._last_good.renew()
        self._watch.seen.sync()
        engine.fire_event(UnlearningEvents.UNLEARNING_ENDING)
        self.seconds += wall_clock() - self._since
        engine.fire_event(UnlearningEvents.UNLEARNING_COMPLETED)
        # After it: whoever turns warnings into errors keeps the record.
        self._watch.phase_ended(engine, self.original.teacher, measured=self.measured, released=self.released)
