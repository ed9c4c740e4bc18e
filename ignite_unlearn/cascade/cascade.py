"""The heart: the cascade, unlearning steps that lead both nets, then the loop's own learning step."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from ignite.engine import Engine
from torch import Tensor

from ignite_unlearn.cascade.aims import Images
from ignite_unlearn.cascade.defaults import choose, halves
from ignite_unlearn.cascade.descent import OptimizerFactory
from ignite_unlearn.cascade.fake_labels.fake_label import FakeLabel
from ignite_unlearn.cascade.self_stop import SelfStop
from ignite_unlearn.cascade.starts.start import Start, joined
from ignite_unlearn.cascade.step import DiscriminatorStep, UnlearningStep, adam
from ignite_unlearn.cascade.substitutions.substitution import Substitution
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import Forget
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.handlers.handle import PhaseHandle
from ignite_unlearn.handlers.looks import Look
from ignite_unlearn.handlers.method import PHASE
from ignite_unlearn.handlers.original import Original
from ignite_unlearn.handlers.phase import PREFIX, UnlearningPhase
from ignite_unlearn.handlers.rows import Rows
from ignite_unlearn.utils.answers import answer
from ignite_unlearn.utils.asked import ANYTHING, CALL, MAKER, asks, maybe, number, whole
from ignite_unlearn.utils.distributed import share

_BUDGET, _BUDGET_ITEMS = 200, 600  # unlearning steps of a phase that measures
_SIZES = ("batch_size", "rows", "samples")  # what parts call how much they hold at once
_ROWS = 4  # latents that parts are tried on


class CascadedUnlearning(UnlearningPhase):
    """Turns a trainer's loop into a cascaded unlearning phase: unlearning steps, then the loop's own learning step.

    An unlearning step leads forgotten latents to substitute images and forgotten images to fake labels, and holds
    all else at the original's. It is taken before each of the loop's own steps, in which retained images stand for
    forgotten ones. Nothing but the two nets' weights, the batch (a copy) and
    ``engine.state.metrics["unlearning/..."]`` is touched: with ``lr=0`` the run is bit-identical to one without the
    handler.

    ``CascadedUnlearning(gan, forget=..., unseen=...)`` is enough: what is not given is chosen by request and nets, and
    ``repr`` and ``check()`` say what and why. Such a phase looks every five unlearning steps where the generator makes
    by now what is to be forgotten, and measures what is left (:class:`.Remains`). While items stay away, it leaves more
    and more learning steps between two unlearning steps. It ends by itself, and the run with it, when what was asked
    for is forgotten and the rest has stayed, or at its budget; then the best state is kept, and ``verdict`` says what
    is left. Its discriminator's step need not follow the optimiser's ``lr``, and a best state that is put back undoes
    the loop's own steps since, so such a phase is never bit-identical to the loop alone. Whoever gives both
    substitution and fake label says when it ends, by ``StopWhenForgotten``.

    The ideas are those of the abstract of Sun et al. (2023, arXiv 2308.09881); the rest can be exchanged.

    Args:
        gan: the GAN whose nets the trainer trains.
        forget: what to forget, such as ``ForgetClasses({7})``.
        unseen: real images that the GAN was never trained on ``(K, ...)``, or a pair of them and their class labels
            ``(K,)``; some hundred. Every other one says what forgotten images are to be like, the others measure. None:
            items are not measured, and their generator is left to the loop.
        substitution: which image a forgotten latent is given; None: chosen.
        fake_label: which score a forgotten image is given; None: chosen.
        optimizer: makes the phase's own optimiser of a net's parameters, called once for each net, so that the
            moments of the trainer's optimisers stay the trainer's. None: Adam with a large eps.
        anchor: weight of the terms that hold retained latents and scores at the teacher's.
        batch_size: latents of either kind in an unlearning step, and images of a request for items.
        generator_steps: how many steps the generator takes in an unlearning step, each on new latents; the
            discriminator takes one, on the rows of the batch and images of the request. None: four for classes of a
            conditional GAN, else eight.
        discriminator_step: moves the discriminator, such as ``GaussNewton(retained)``; None: chosen with the fake
            label, and where that was given, the optimiser moves it.
        start: changes the GAN in closed form before the first unlearning step, such as ``UntrainedLabel()``.
        every: take an unlearning step only in every so many iterations of the loop. Learning steps in between show what
            comes back by itself, so that the next unlearning step can undo it.
        max_iterations: after so many unlearning steps the phase ends by itself; None: where it measures, after 200, or
            600 of items; else never.
        seed: of the phase's own random numbers, drawn from a stream of their own.
        metrics_prefix: what the phase's numbers are called in ``engine.state.metrics``, before their names; None: they
            are not put there.

    Attributes:
        step: the unlearning step.
        chosen: why each part that was not given is what it is, by the part's name.
        expected: what is to be expected of items without any memory of them, as far as batches tell.
        self_stop: what measures, and ends the phase; None where all parts were given.

    All else that it has is :class:`~ignite_unlearn.UnlearningPhase`'s.

    Raises:
        UnlearningError: if an argument does not fit.

    Example:
        >>> import torch
        >>> from ignite.engine import Engine
        >>> from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses
        >>> from ignite_unlearn.cascade.fake_labels.fixed import Fixed
        >>> from ignite_unlearn.cascade.substitutions.other_class import OtherClass
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

    name = "cascade"

    @asks(
        **PHASE,
        substitution=maybe(CALL),
        fake_label=maybe(CALL),
        optimizer=maybe(MAKER),
        anchor=number(),
        generator_steps=maybe(whole()),
        discriminator_step=maybe(CALL),
        start=maybe(CALL),
    )
    def __init__(
        self,
        gan: GAN,
        *,
        forget: Forget,
        unseen: Tensor | Images | None = None,
        substitution: Substitution | None = None,
        fake_label: FakeLabel | None = None,
        optimizer: OptimizerFactory | None = None,
        anchor: float = 2.0,
        batch_size: int = 64,
        generator_steps: int | None = None,
        discriminator_step: DiscriminatorStep | None = None,
        start: Start | None = None,
        every: int = 1,
        max_iterations: int | None = None,
        seed: int = 0,
        metrics_prefix: str | None = PREFIX,
    ):
        substitution, start = joined(substitution, start)
        chooses = substitution is None or fake_label is None
        budget = _BUDGET if forget.describe().images is None else _BUDGET_ITEMS
        looked_at, measured_by = halves(unseen, gan.labels)
        parts = choose(
            gan, forget, looked_at,
            substitution=substitution, fake_label=fake_label, discriminator_step=discriminator_step,
            generator_steps=generator_steps, optimizer=optimizer,
        )  # fmt: skip
        super().__init__(
            gan,
            forget=forget if looked_at is None else forget.compared_with(looked_at[0]),
            batch_size=batch_size,
            every=every,
            max_iterations=budget if chooses and max_iterations is None else max_iterations,
            seed=seed,
            metrics_prefix=metrics_prefix,
        )
        self.step = UnlearningStep(
            gan, substitution=parts.substitution, fake_label=parts.fake_label, optimizer=optimizer or adam,
            anchor=anchor, batch_size=batch_size, generator_steps=parts.generator_steps,
            discriminator_step=parts.discriminator_step,
        )  # fmt: skip
        self.start, self.expected = start, parts.expected
        self._unseen = unseen[0] if isinstance(unseen, (tuple, list)) else unseen
        self.self_stop = SelfStop(self, parts.substitution, measured_by, parts.expected) if chooses else None
        self.chosen = parts.why if self.self_stop is None else {**parts.why, "end": self.self_stop.plan}

    def attach(self, trainer: Engine) -> PhaseHandle:
        """Attaches the phase, and what ends it; see :meth:`.UnlearningPhase.attach`."""
        handle = super().attach(trainer)
        if self.self_stop is not None:
            self._own = self.self_stop.attach(trainer)
        return handle

    def _detached(self) -> None:
        super()._detached()
        if self.self_stop is not None:
            self._own.remove()

    def __repr__(self) -> str:
        parts = (self.step.substitution, self.step.fake_label, self.step.discriminator_step, self.start)
        names = ", ".join(type(part).__name__ for part in parts if part is not None)
        reasons = "".join(f"\n  {name}: {why}" for name, why in self.chosen.items())
        return f"CascadedUnlearning({names}){reasons}"

    def begin(self, original: Original) -> None:
        """Takes the start, if there is one.

        Raises:
            UnlearningError: if images that a part was given as retained ones are in the forget set.
        """
        if self.self_stop is not None:
            self.expected.ask(original.teacher)
        if self.start is not None:
            self._refuse_forgotten(self.start)
            given = (self.gan, original.teacher, original.regions, self.step.substitution)
            answer("the start", ANYTHING, self.start, *given)
            share(p for net in (self.gan.generator, self.gan.discriminator) for p in net.parameters())

    def _refuse_forgotten(self, start: Start) -> None:
        for images, labels in getattr(start, "retained_images", list)():
            found = int((self.forget.rows(images, labels) | (self.forget.find(images) >= 0)).sum())
            if found:
                raise UnlearningError(
                    f"{found} of {type(start).__name__}'s retained images are in the forget set: leave them out."
                )

    def unlearn(self, original: Original, rows: Rows) -> dict[str, float]:
        """Leads the generator to substitute images, and the discriminator to fake labels."""
        if self.self_stop is not None:
            retained = rows.joined().retained
            self.expected.see(retained)
            self.self_stop.see(retained, original.regions)
        return self.step(original.teacher, original.regions, rows)

    def settings(self) -> dict[str, Any]:
        """Returns what a record says of the cascade."""
        return {
            "substitution": type(self.step.substitution).__name__,
            "fake_label": type(self.step.fake_label).__name__,
            "options": {**super().settings()["options"], "anchor": self.step.anchor},
        }

    def sizes(self) -> dict[str, int]:
        """Returns the settings of the cascade and its parts that say how much is held at once."""
        parts = (self.step.substitution, self.step.fake_label, self.step.discriminator_step, self.start)
        found = {(type(part).__name__, name): getattr(part, name, None) for part in parts for name in _SIZES}
        own = {f"{part}.{name}": size for (part, name), size in found.items() if type(size) is int}
        return {**super().sizes(), **own}

    def mend(self) -> None:
        """Lets the optimisers begin again where a moment is not finite."""
        self.step.mend()

    def method_state(self) -> dict[str, Any]:
        """Returns the states of optimisers and of parts."""
        if self.self_stop is None:
            return self.step.state_dict()
        own = {"expected": self.expected.state_dict(), "self_stop": self.self_stop.state_dict()}
        return {**self.step.state_dict(), **own}

    def load_method_state(self, state: Mapping[str, Any]) -> None:
        """Loads what :meth:`method_state` returned."""
        self.step.load_state_dict(dict(state))
        if self.self_stop is not None and "self_stop" in state:
            self.expected.load_state_dict(state["expected"])
            self.self_stop.load_state_dict(state["self_stop"])

    def unseen_images(self) -> list[Tensor]:
        """Returns the sets of unseen images that the request and the cascade's parts were given, each once."""
        parts = (self.step.fake_label, self.step.discriminator_step)
        if self._unseen is not None:  # of which the parts were given a half each
            return [self._unseen]
        found = super().unseen_images() + [t for part in parts for t in getattr(part, "unseen_images", list)()]
        return list({images.data_ptr(): images for images in found}.values())

    def copied(self) -> CascadedUnlearning:
        """Returns a copy whose parts may remember what they like: the cascade's own do not."""
        tried, step = copy.copy(self), copy.copy(self.step)
        step.substitution, step.fake_label = copy.copy(step.substitution), copy.copy(step.fake_label)
        step.discriminator_step = copy.copy(step.discriminator_step)
        tried.step = step
        # A start that takes long may say how it is tried in a moment.
        tried.start = getattr(self.start, "briefly", lambda: copy.copy(self.start))()
        return tried

    def try_out(self, look: Look, original: Original, rows: Rows | None) -> None:
        """Tries substitution, fake label, start and the discriminator's step on copies."""
        look.notes += [f"{name[:1].upper()}{name[1:]}: {why}." for name, why in self.chosen.items()]
        teacher, regions, tried = original.teacher, original.regions, self.copied()
        step = tried.step
        latents, labels = regions.forgotten(_ROWS)
        if len(latents):
            look.try_to(lambda: step.substitution(teacher, latents, labels, regions), "The substitution")
        else:
            look.notes.append("The generator does not make what is to be forgotten: it is left to the loop.")
        scores = torch.zeros(_ROWS, device=self.gan.device)
        requests = torch.zeros_like(scores).long()
        look.try_to(lambda: step.fake_label(scores, self.gan, teacher, regions, requests), "The fake label")
        start, moves_discriminator = tried.start, step.discriminator_step
        if start is not None:
            look.try_to(
                lambda: start(teacher.learner(), teacher, regions, step.substitution), "The start in closed form"
            )
        if moves_discriminator is not None and rows is not None:
            copied = teacher.teacher()
            copied.discriminator.requires_grad_(True)
            look.try_to(
                lambda: moves_discriminator(copied, teacher, rows, step.aims(regions, rows)),
                "The discriminator's step",
            )
