"""The heart: a cascaded unlearning phase inside a loop that somebody else wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ignite.engine import Engine, Events
from torch import Tensor

from ignite_unlearn.cascade.closed_form import Start
from ignite_unlearn.cascade.fake_labels import FakeLabel
from ignite_unlearn.cascade.step import DiscriminatorStep, OptimizerFactory, Rows, UnlearningStep, adam
from ignite_unlearn.cascade.substitution import Substitution
from ignite_unlearn.errors import UnlearningDivergedError, UnlearningError
from ignite_unlearn.forget.forget import Forget
from ignite_unlearn.gan.borrow import borrow, step_seed
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.weights import KeptWeights
from ignite_unlearn.handlers.check import CheckReport, check_loop
from ignite_unlearn.handlers.events import EVENT_TO_ATTR, UnlearningEvents
from ignite_unlearn.handlers.handle import PhaseHandle
from ignite_unlearn.handlers.original import Original
from ignite_unlearn.handlers.private import refuse_private
from ignite_unlearn.handlers.watch import Watch

PREFIX = "unlearning/"
_STEP = 1  # what a random number stream is for


class CascadedUnlearning:
    """Turns a trainer's loop into a cascaded unlearning phase: unlearning steps, then the loop's own learning step.

    At ``Events.ITERATION_STARTED`` unlearning steps are taken with borrowed nets, and then the forget set's rows of
    ``engine.state.batch`` are replaced by substitutes, so that the loop's own step learns from retained images only.
    Nothing but the two nets' weights, the batch (a copy) and ``engine.state.metrics["unlearning/..."]`` is touched:
    with ``lr=0`` the run is bit-identical to one without the handler. After the phase has ended the batch is still
    substituted, until the handle is removed.

    The ideas are those of the abstract of Sun et al. (2023, arXiv 2308.09881); the rest can be exchanged.

    Args:
        gan: the GAN whose nets the trainer trains.
        forget: what to forget, such as ``ForgetClasses({7})``.
        substitution: which image a forgotten latent is given.
        fake_label: which score a forgotten image is given.
        optimizer: makes the phase's own optimiser of a net's parameters, called once for each net, so that the
            moments of the trainer's optimisers stay the trainer's. Default: Adam with a large eps.
        anchor: weight of the terms that hold retained latents and scores at the teacher's.
        batch_size: latents of either kind in an unlearning step, and images of a request for items.
        steps: how many steps the generator takes in an unlearning step, each on new latents; the discriminator takes
            one, on the rows of the batch and images of the request.
        discriminator_step: moves the discriminator, such as ``GaussNewton(retained)``; None: the optimiser does.
        start: changes the GAN in closed form before the first unlearning step, such as ``NearestEmbedding()``.
        every: take an unlearning step only in every so many iterations of the loop. Learning steps in between show what
            comes back by itself, so that the next unlearning step can undo it.
        max_iterations: after so many unlearning steps the phase ends by itself; None: with the run, or when stopped.
        seed: of the phase's own random numbers, drawn from a stream of their own.

    Attributes:
        iterations: how many unlearning steps were taken.
        stopped_because: why the phase ended; None while it goes on, and where the run ended first.
        bounds: what a :class:`~ignite_unlearn.StopWhenForgotten` was asked to reach: ``name``, ``value`` when the phase
            ended, ``at_most``, ``at_least``; empty where none judged.
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
        >>> from ignite.engine import Engine
        >>> from ignite_unlearn import GAN, CascadedUnlearning, Fixed, ForgetClasses, OtherClass
        >>> netG = torch.nn.Embedding(3, 16)
        >>> netD = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 1))
        >>> gan = GAN(
        ...     netG, netD, latents=(16,), labels=3, generate=lambda net, z, y: (z + net(y)).view(-1, 1, 4, 4)
        ... )
        >>> batches = [(torch.zeros(6, 1, 4, 4), torch.arange(6) % 3)] * 4
        >>> trainer = Engine(lambda engine, batch: batch[1].tolist())
        >>> unlearning = CascadedUnlearning(
        ...     gan, forget=ForgetClasses({2}), substitution=OtherClass(), fake_label=Fixed(-1)
        ... )
        >>> with unlearning.attach(trainer):
        ...     state = trainer.run(batches)
        >>> 2 in state.output, unlearning.iterations
        (False, 4)
    """

    def __init__(
        self,
        gan: GAN,
        *,
        forget: Forget,
        substitution: Substitution,
        fake_label: FakeLabel,
        optimizer: OptimizerFactory = adam,
        anchor: float = 8.0,
        batch_size: int = 64,
        steps: int = 1,
        discriminator_step: DiscriminatorStep | None = None,
        start: Start | None = None,
        every: int = 1,
        max_iterations: int | None = None,
        seed: int = 0,
    ):
        if every < 1 or (max_iterations is not None and max_iterations < 1):
            raise UnlearningError(f"every={every} and max_iterations={max_iterations} must be at least 1.")
        self.gan = gan
        self.forget = forget
        self.step = UnlearningStep(
            gan, substitution=substitution, fake_label=fake_label, optimizer=optimizer, anchor=anchor,
            batch_size=batch_size, generator_steps=steps, discriminator_step=discriminator_step,
        )  # fmt: skip
        self.start = start
        self.every = every
        self.max_iterations = max_iterations
        self.seed = seed
        self.iterations = 0
        self.states_given = 0
        self.stopped_because: str | None = None
        self.bounds: Sequence[Mapping[str, Any]] = ()
        self.metrics: dict[str, float] = {}
        self.measured = False
        self.released: GAN | None = None
        self.original: Original | None = None
        self.handle: PhaseHandle | None = None
        self._watch = Watch(gan, forget)
        self._last_good: KeptWeights | None = None
        self._running = self._stepped = False
        self._substituted = 0

    @property
    def found(self) -> dict[str, int | None]:
        """What was seen of the request so far, as a record has it under ``found``."""
        return self._watch.found

    def check(self, loader: Any) -> CheckReport:
        """Looks at data and nets and says, in words, what would not work; true where nothing. It changes nothing."""
        return check_loop(self.step, self.forget, loader, start=self.start, seed=self.seed)

    def attach(self, trainer: Engine) -> PhaseHandle:
        """Attaches the phase to a trainer and keeps the original GAN as teacher: load its weights before.

        ``handle.remove()``, or leaving ``with``, takes everything off the trainer again.

        Raises:
            UnlearningError: if the phase is attached already, the trainer has one, or a net is under opacus.
        """
        refuse_private(self.gan)
        if self.original is None:
            self.original = Original(self.gan, self.forget, self.seed)
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

    def stop(self, reason: str) -> None:
        """Ends the phase: no more unlearning steps; the batch is substituted until the handle is removed."""
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
            "step": self.step.state_dict(),
            "original": self.original.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads a state, so that the phase goes on as if it had not been interrupted.

        Raises:
            UnlearningError: if the state is not a phase's, or is of other nets; nothing is loaded then.
        """
        missing = {"iterations", "stopped_because", "seen", "step", "original"} - state.keys()
        if missing:
            raise UnlearningError(f"The state is not one of CascadedUnlearning: it lacks {sorted(missing)}.")
        original = self.original or Original(self.gan, self.forget, self.seed)
        original.load_state_dict(state["original"])
        self.step.load_state_dict(state["step"])
        self.original, self.seed = original, original.seed
        self._watch.load_state_dict(state["seen"])
        self.iterations = int(state["iterations"])
        self.stopped_because = state["stopped_because"]

    def _before_learning(self, engine: Engine) -> None:
        batch = engine.state.batch
        rows = self._watch.rows(batch)
        self._stepped = False
        if self.active:
            if not self._running:
                self._begin(engine)
            if self.active and (engine.state.iteration - 1) % self.every == 0:
                self._unlearn(rows)
        self._substituted = self._watch.seen.add(rows.images, rows.forgotten)
        # The collectives of distributed loops are all in the unlearning step; a process without rows goes on alone.
        if self._substituted:
            assert self.original is not None, "attach() keeps it"
            engine.state.batch = self.original.substitute(batch, self.gan, rows.forgotten, engine.state.iteration)
        self._watch.begin_step()

    def _begin(self, engine: Engine) -> None:
        assert self.original is not None
        if self.iterations == 0:
            self.original.begin(self.gan, self.start, self.step.substitution)
        self._last_good = KeptWeights(self.gan.generator, self.gan.discriminator)
        self._running = True
        engine.fire_event(UnlearningEvents.UNLEARNING_STARTED)

    def _unlearn(self, rows: Rows) -> None:
        assert self._last_good is not None and self.original is not None
        teacher, regions = self.original.teacher, self.original.regions
        self._last_good.renew()
        with borrow(self.gan.generator, self.gan.discriminator, seed=step_seed(self.seed, _STEP, self.iterations)):
            try:
                rows = replace(rows, examples=self.forget.examples(self.step.batch_size))
                self.metrics = self.step(teacher, regions, rows)
            except UnlearningDivergedError:
                self._last_good.restore()
                raise
        self.iterations += 1
        self._stepped = True

    def _after_learning(self, engine: Engine) -> None:
        self._watch.end_step()
        # After the step: some loops assign state.metrics anew in every iteration.
        numbers = {**self.metrics, "rows_substituted": float(self._substituted), "iterations": float(self.iterations)}
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
        engine.fire_event(UnlearningEvents.UNLEARNING_COMPLETED)
        # After it: whoever turns warnings into errors keeps the record.
        self._watch.phase_ended(engine, self.original.teacher, measured=self.measured, released=self.released)
