"""The law of the seam, for anybody's loop and any way to unlearn: what a phase must leave as it was.

``assert_law(make_loop, phase)`` runs a loop of yours with a phase and without, and compares all that there is.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import torch
from ignite.engine import Engine
from ignite.handlers import Checkpoint

from ignite_unlearn.forget.forget import ForgetClasses
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.handlers.phase import UnlearningPhase
from ignite_unlearn.utils.identical import Streams, assert_identical, clone, require


@dataclass
class Loop:
    """A loop that is looked at: small nets and a few small batches will do.

    Attributes:
        trainer: the engine; its handlers are attached, but not the phase.
        gan: the GAN that it trains.
        batches: an epoch's batches, some of them with rows of the forget set.
        saved: what a resumable script saves beside the trainer, by name: nets, optimisers, schedules, ...
        loader: makes of batches what a resumable script runs over.
        streams: whether a resumable script must save the random number streams.
    """

    trainer: Engine
    gan: GAN
    batches: Sequence[Any]
    saved: Mapping[str, Any] = field(default_factory=dict)
    loader: Callable[[Sequence[Any]], Any] = list
    streams: bool = True

    def record(self) -> tuple[list[Any], list[Any]]:
        """Copies every batch and output that the loop's own step sees and returns; gives both lists."""
        step, seen, outputs = self.trainer._process_function, [], []

        def recording(engine: Engine, batch: Any) -> Any:
            seen.append(clone(batch))
            output = step(engine, batch)
            outputs.append(clone(output))
            return output

        self.trainer._process_function = recording
        return seen, outputs

    def everything(self) -> dict[str, Any]:
        """Returns a copy of all state that a loop can have."""
        nets = (self.gan.generator, self.gan.discriminator)
        parameters = [p for net in nets for p in net.parameters()]
        return {
            "saved": {name: clone(thing.state_dict()) for name, thing in self.saved.items()},
            "weights": [clone(net.state_dict()) for net in nets],
            "buffers": [clone(dict(net.named_buffers())) for net in nets],
            "training": [module.training for net in nets for module in net.modules()],
            "requires_grad": [p.requires_grad for p in parameters],
            "grad": [None if p.grad is None else p.grad.clone() for p in parameters],
            "streams": Streams().state_dict(),
        }


MakeLoop: TypeAlias = Callable[[], Loop]
MakePhase: TypeAlias = Callable[[Loop, float], UnlearningPhase]


def assert_law(make_loop: MakeLoop, phase: MakePhase, *, epochs: int = 2) -> None:
    """Asserts the four properties of the seam; none of the caller's random number streams is moved.

    1. With a learning rate of 0 the run is bit-identical to one on the replaced batches without the phase: outputs,
       weights, buffers, optimisers, gradients, flags, streams; the batches themselves are not written to.
    2. No row of the forget set reaches the loop's own step, and all others do as they were.
    3. An interrupted and resumed phase equals an uninterrupted one, and its state is tensors and plain values.
    4. A handle that is removed leaves nothing on trainer and nets.

    Args:
        make_loop: returns a new loop, the same each time; the random number streams are seeded before.
        phase: ``(loop, lr) -> phase`` on ``loop.gan``, whose own steps have the learning rate ``lr``.
        epochs: how many epochs each run has, at least 2.

    Raises:
        AssertionError: if one does not hold; it says which and where.

    Example:
        >>> from torch import nn
        >>> from ignite_unlearn import CascadedUnlearning, ForgetClasses
        >>> from ignite_unlearn.cascade.fake_labels.fixed import Fixed
        >>> from ignite_unlearn.cascade.substitutions.other_class import OtherClass
        >>> def make_loop():
        ...     netG, netD = nn.Embedding(3, 16), nn.Sequential(nn.Flatten(), nn.Linear(16, 1))
        ...     images = lambda net, z, y: (z + net(y)).view(-1, 1, 4, 4)
        ...     sgd = torch.optim.SGD(netD.parameters(), lr=0.1)
        ...     def step(engine, batch):
        ...         real, labels = batch
        ...         fake = images(netG, torch.randn(len(real), 16), labels).detach()
        ...         sgd.zero_grad()
        ...         (netD(fake) - netD(real)).mean().backward()
        ...         sgd.step()
        ...     gan = GAN(netG, netD, latents=(16,), labels=3, generate=images)
        ...     batches = [(torch.rand(6, 1, 4, 4), torch.arange(6) % 3) for _ in range(2)]
        ...     return Loop(Engine(step), gan, batches, {"netG": netG, "netD": netD, "sgd": sgd})
        >>> def phase(loop, lr):
        ...     return CascadedUnlearning(
        ...         loop.gan, forget=ForgetClasses({2}), substitution=OtherClass(), fake_label=Fixed(-1),
        ...         optimizer=lambda parameters: torch.optim.SGD(parameters, lr),
        ...     )
        >>> assert_law(make_loop, phase)
    """
    for prove in (assert_bit_identical, assert_forgotten_rows_replaced, assert_resumable, assert_leaves_nothing):
        prove(make_loop, phase, epochs=epochs)


def assert_bit_identical(make_loop: MakeLoop, phase: MakePhase, *, epochs: int = 2) -> None:
    """Asserts the first property; see :func:`assert_law`."""
    with _streams_kept():
        loop = _fresh(make_loop)
        given, untouched = list(loop.batches), clone(list(loop.batches))
        seen, outputs = loop.record()
        unlearning, start = _measured(phase(loop, 0.0)), Streams().state_dict()
        with unlearning.attach(loop.trainer):
            assert_identical(Streams().state_dict(), start, "attach() moved a random number stream:")
            loop.trainer.run(given, max_epochs=epochs)
            left = loop.everything()
        require(unlearning.iterations > 0, "The phase took no unlearning step.")
        assert_identical(clone(given), untouched, "The phase wrote to a batch:")

        plain = _fresh(make_loop)
        _, plain_outputs = plain.record()
        # The same loop on batches that are replaced from the start.
        plain.trainer.run(_Epochs(seen, len(given)), max_epochs=epochs)
        what = "With a learning rate of 0 the run is not that without the phase:"
        try:
            assert_identical(outputs, plain_outputs, f"{what} outputs")
            assert_identical(left, plain.everything(), what)
        except AssertionError as error:
            again = _fresh(make_loop)
            again.trainer.run(_Epochs(seen, len(given)), max_epochs=epochs)
            assert_identical(again.everything(), plain.everything(), "The loop itself is not the same in two runs:")
            raise error


def assert_forgotten_rows_replaced(make_loop: MakeLoop, phase: MakePhase, *, epochs: int = 2) -> None:
    """Asserts the second property; see :func:`assert_law`."""
    with _streams_kept():
        loop = _fresh(make_loop)
        form, given = loop.gan.batch, list(loop.batches)
        seen, _ = loop.record()
        unlearning = _measured(phase(loop, 1e-3))
        masks = [unlearning.forget.rows(form.images(batch), form.labels(batch)) for batch in given]
        forgotten = torch.cat([form.images(batch)[mask] for batch, mask in zip(given, masks, strict=True)])
        require(len(forgotten) > 0, "No batch of the loop holds a row of the forget set.")
        with unlearning.attach(loop.trainer):
            loop.trainer.run(given, max_epochs=epochs)
        require(len(seen) == epochs * len(given), f"The loop saw {len(seen)} batches of {epochs * len(given)}.")
        for number, (batch, learned) in enumerate(zip(given * epochs, seen, strict=True)):
            mask = masks[number % len(given)]
            images, old = form.images(learned), form.images(batch)
            require(images.shape == old.shape, f"Batch {number} has another shape after its rows were replaced.")
            same = (images[:, None] == forgotten[None]).flatten(2).all(2).any(1)
            require(not bool(same.any()), f"Batch {number} brings a row of the forget set to the loop's own step.")
            labels, forget = form.labels(learned), unlearning.forget
            if labels is not None and isinstance(forget, ForgetClasses):
                left = set(labels.tolist()) & set(forget.classes)
                require(not left, f"Batch {number} brings labels {sorted(left)} to the loop's own step.")
            assert_identical(clone(images[~mask]), clone(old[~mask]), f"Retained rows of batch {number} changed:")


def assert_resumable(make_loop: MakeLoop, phase: MakePhase, *, epochs: int = 2) -> None:
    """Asserts the third property; see :func:`assert_law`."""
    with _streams_kept():
        whole, unlearning, outputs, _ = _run(make_loop, phase, epochs)
        reached = whole.everything()
        _, interrupted, first, states = _run(make_loop, phase, epochs - 1)
        file = io.BytesIO()
        torch.save(interrupted.state_dict(), file)
        file.seek(0)
        state = torch.load(file, weights_only=True)
        assert_identical(clone(state), clone(interrupted.state_dict()), "The phase's state is not what was saved:")

        loop = _fresh(make_loop)
        if loop.streams:  # a new process has other streams
            torch.manual_seed(99)
        _, rest = loop.record()
        resumed = _measured(phase(loop, 1e-3))
        with resumed.attach(loop.trainer):
            Checkpoint.load_objects(_resumable(loop, resumed), {**states, "unlearning": state})
            loop.trainer.run(loop.loader(list(loop.batches)), max_epochs=epochs)
            left = loop.everything()
        what = "A resumed phase is not an uninterrupted one:"
        assert_identical(outputs, first + rest, f"{what} outputs")
        assert_identical(reached, left, what)
        assert_identical(clone(unlearning.state_dict()), clone(resumed.state_dict()), f"{what} state")


def assert_leaves_nothing(make_loop: MakeLoop, phase: MakePhase, *, epochs: int = 2) -> None:
    """Asserts the fourth property; see :func:`assert_law`."""
    with _streams_kept():
        plain = _fresh(make_loop)
        plain.trainer.run(list(plain.batches), max_epochs=epochs)
        loop = _fresh(make_loop)
        handlers = _traces(loop)["handlers"]
        with _measured(phase(loop, 1e-3)).attach(loop.trainer):
            require(_traces(loop)["handlers"] != handlers, "attach() put nothing on the trainer.")
            loop.trainer.run(list(loop.batches), max_epochs=epochs)
        what = "A removed handle leaves something behind:"
        assert_identical(_traces(loop), {**_traces(plain), "handlers": handlers}, what)


class _Epochs:
    """Batches that are not the same in every epoch."""

    def __init__(self, given: Sequence[Any], length: int):
        self._epochs = iter([given[i : i + length] for i in range(0, len(given), length)])
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Any]:
        return iter(next(self._epochs))


@contextmanager
def _streams_kept() -> Iterator[None]:
    # Not borrow(): inside of it autocast is off, and would keep its cache of weights from one step to the next.
    streams = Streams().state_dict()
    try:
        yield
    finally:
        Streams().load_state_dict(streams)


def _fresh(make_loop: MakeLoop) -> Loop:
    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)
    return make_loop()


def _measured(unlearning: UnlearningPhase) -> UnlearningPhase:
    unlearning.measured = True  # by the law
    return unlearning


def _run(make_loop: MakeLoop, phase: MakePhase, epochs: int) -> tuple[Loop, UnlearningPhase, list[Any], dict[str, Any]]:
    """Runs a script from the start; returns its loop, its phase, its outputs and what it saved."""
    loop = _fresh(make_loop)
    _, outputs = loop.record()
    unlearning = _measured(phase(loop, 1e-3))
    with unlearning.attach(loop.trainer):
        loop.trainer.run(loop.loader(list(loop.batches)), max_epochs=epochs)
        states = {name: clone(thing.state_dict()) for name, thing in _resumable(loop, unlearning).items()}
    return loop, unlearning, outputs, states


def _resumable(loop: Loop, unlearning: UnlearningPhase) -> dict[str, Any]:
    streams = {"streams": Streams()} if loop.streams else {}
    return {**loop.saved, "trainer": loop.trainer, "unlearning": unlearning, **streams}


def _traces(loop: Loop) -> dict[str, Any]:
    """Returns everything on the trainer and the nets that a handler could leave something on."""
    trainer, modules = loop.trainer, [m for n in (loop.gan.generator, loop.gan.discriminator) for m in n.modules()]
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return {
        "handlers": {str(event): len(entries) for event, entries in trainer._event_handlers.items() if entries},
        "hooks": [len(getattr(module, kind)) for module in modules for kind in hooks],
        "attributes": [sorted(vars(module)) for module in modules],
        "events": [str(event) for event in trainer._allowed_events],
        # Ignite's table of counted events is one for all engines: another trainer's phase may be in it.
        "state": sorted(vars(trainer.state).keys() - trainer.state.event_to_attr.values()),
        "counted events": sorted(map(str, trainer.state.event_to_attr)),
        "metrics": sorted(trainer.state.metrics),
    }
