"""Five properties that hold for every loop of the zoo."""

import contextlib
import warnings

import pytest
import torch
from ignite.handlers import Checkpoint, DiskSaver

from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.handlers.rows import Rows
from tests.loops import batches, schedules, scores, surroundings  # noqa: F401 - they fill the zoo
from tests.loops.case import EPOCHS, ZOO, Streams, assert_identical, clone
from tests.loops.nets import bright_corner

every_loop = pytest.mark.parametrize("name", sorted(ZOO))


@contextlib.contextmanager
def expected_warning(case):
    if case.warns is None:
        yield
    else:
        with pytest.warns(UserWarning, match=case.warns):
            yield


def everything(case):
    """All state that a loop can have."""
    objects = {name: clone(thing.state_dict()) for name, thing in case.saved.items()}
    flags = [m.training for net in (case.gan.generator, case.gan.discriminator) for m in net.modules()]
    parameters = [*case.gan.generator.parameters(), *case.gan.discriminator.parameters()]
    frozen = [p.requires_grad for p in parameters]
    grads = [torch.zeros(0) if p.grad is None else p.grad.clone() for p in parameters]
    return {"objects": objects, "flags": flags, "frozen": frozen, "grads": grads, "streams": Streams().state_dict()}


def check_bit_identical(name):
    case = ZOO[name]()
    data = case.data()
    untouched = clone(data)
    seen, outputs = case.record()
    unlearning = case.unlearning(lr=0.0)
    start = Streams().state_dict()
    with unlearning.attach(case.trainer), expected_warning(case):
        assert_identical(Streams().state_dict(), start)
        case.trainer.run(data, max_epochs=EPOCHS)
    assert unlearning.iterations == EPOCHS * len(data)
    with_handler = everything(case)

    plain = ZOO[name]()
    _, plain_outputs = plain.record()
    # The same loop on batches that hold the substitutes from the start.
    plain.trainer.run(Epochs(seen, len(data)), max_epochs=EPOCHS)
    assert_identical(outputs, plain_outputs)
    assert_identical(with_handler, everything(plain))
    assert_identical(clone(data), untouched)


class Epochs:
    """Batches that are not the same in every epoch."""

    def __init__(self, given, length):
        self.epochs = iter([given[i : i + length] for i in range(0, len(given), length)])
        self.length = length

    def __len__(self):
        return self.length

    def __iter__(self):
        return iter(next(self.epochs))


@every_loop
def test_with_lr_0_the_run_is_bit_identical(name):
    check_bit_identical(name)


def test_the_law_fails_when_borrow_does_nothing(monkeypatch):
    @contextlib.contextmanager
    def nothing(*modules, seed=None):
        yield

    for module in ("gan.gan", "forget.forget", "handlers.phase", "handlers.original"):
        monkeypatch.setattr(f"ignite_unlearn.{module}.borrow", nothing)
    held = []
    for name in sorted(ZOO):
        with contextlib.suppress(AssertionError, RuntimeError):
            check_bit_identical(name)
            held.append(name)
    assert held == []


@every_loop
def test_no_row_of_the_forget_set_reaches_the_step(name):
    case = ZOO[name]()
    data = case.data()
    form = case.gan.batch
    forgotten = torch.cat([x[bright_corner(x).argmax(1) == 2] for x in map(form.images, data)])
    assert len(forgotten) > len(data)
    seen, _ = case.record()
    with case.unlearning(lr=1e-3).attach(case.trainer), expected_warning(case):
        case.trainer.run(data, max_epochs=EPOCHS)
    for given, batch in zip(data * EPOCHS, seen, strict=True):
        images, labels = form.images(batch), form.labels(batch)
        assert images.shape == form.images(given).shape
        assert not (images[:, None] == forgotten[None]).flatten(2).all(2).any()
        if labels is not None:
            assert 2 not in labels.tolist()
        kept = bright_corner(form.images(given)).argmax(1) != 2
        assert torch.equal(images[kept], form.images(given)[kept])


def assert_safe(state, folder):
    torch.save(state, folder / "phase.pt")
    assert_identical(clone(torch.load(folder / "phase.pt", weights_only=True)), clone(state))


def resumable(case, unlearning):
    streams = {"streams": Streams()} if case.streams else {}
    return {**case.saved, "trainer": case.trainer, "unlearning": unlearning, **streams}


def run_phase(name, epochs):
    """Runs a script of this loop from the start; returns its case, its phase and its outputs."""
    case = ZOO[name]()
    _, outputs = case.record()
    unlearning = case.unlearning(lr=1e-3)
    with unlearning.attach(case.trainer), expected_warning(case):
        case.trainer.run(case.loader(case.data()), max_epochs=epochs)
    return case, unlearning, outputs


@every_loop
def test_resumed_equals_uninterrupted(name, tmp_path):
    whole, unlearning, outputs = run_phase(name, EPOCHS)
    first, interrupted, first_outputs = run_phase(name, 1)
    saver = Checkpoint(resumable(first, interrupted), DiskSaver(tmp_path), filename_pattern="{name}.pt")
    saver(first.trainer)
    assert_safe(interrupted.state_dict(), tmp_path)

    second = ZOO[name]()
    if second.streams:
        torch.manual_seed(99)  # a new process has other streams
    _, second_outputs = second.record()
    resumed = second.unlearning(lr=1e-3)
    # One engine's own state holds NumPy's stream as an array; what the phase saves is safe in all of them.
    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=second.streams)
    with resumed.attach(second.trainer):
        Checkpoint.load_objects(resumable(second, resumed), saved)
        second.trainer.run(second.loader(second.data()), max_epochs=EPOCHS)

    assert_identical(outputs, first_outputs + second_outputs)
    assert_identical(everything(whole), everything(second))
    assert_identical(clone(unlearning.state_dict()), clone(resumed.state_dict()))


@every_loop
def test_each_half_moves_only_its_own_net(name):
    case = ZOO[name]()
    unlearning = case.unlearning(lr=1e-2)
    unlearning.attach(case.trainer).remove()
    nets = {"generator": case.gan.generator, "discriminator": case.gan.discriminator}
    form, batch = case.gan.batch, case.data()[0]
    images, labels = form.images(batch), form.labels(batch)
    rows = Rows(images, labels, unlearning.forget.rows(images, labels))
    original = unlearning.original
    for half, act in {
        "generator": lambda: unlearning.step.generator_half(original.teacher, original.regions),
        "discriminator": lambda: unlearning.step.discriminator_half(original.teacher, original.regions, rows),
    }.items():
        before = {net: clone(dict(module.named_parameters())) for net, module in nets.items()}
        buffers = {net: clone(dict(module.named_buffers())) for net, module in nets.items()}
        with borrow(*nets.values(), seed=0):
            act()
        for net, module in nets.items():
            moved = [not torch.equal(p, before[net][key]) for key, p in module.named_parameters()]
            assert any(moved) if net == half else not any(moved)
            assert_identical(clone(dict(module.named_buffers())), buffers[net])


def traces(case):
    """Everything on the trainer and the nets that a handler could leave something on."""
    trainer, nets = case.trainer, (case.gan.generator, case.gan.discriminator)
    handlers = {event: list(entries) for event, entries in trainer._event_handlers.items() if entries}
    hooks = [
        len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for n in nets for m in n.modules()
    ]
    attributes = [sorted(vars(m)) for net in nets for m in net.modules()]
    events = [str(event) for event in trainer._allowed_events]
    state = sorted(vars(trainer.state)), sorted(map(str, trainer.state.event_to_attr)), sorted(trainer.state.metrics)
    return handlers, hooks, attributes, events, state


@every_loop
def test_detached_leaves_nothing_behind(name):
    plain = ZOO[name]()
    plain.trainer.run(plain.data(), max_epochs=1)
    case = ZOO[name]()
    before = traces(case)
    handle = case.unlearning(lr=1e-3).attach(case.trainer)
    assert traces(case) != before
    with expected_warning(case):
        case.trainer.run(case.data(), max_epochs=1)
    handle.remove()
    handlers, *rest = traces(case)
    assert handlers.keys() == before[0].keys()
    assert [str(x) for x in rest] == [str(x) for x in traces(plain)[1:]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        case.trainer.run(case.data(), max_epochs=2)
