"""What a phase leaves behind when a step goes wrong: good weights, the loop's own state, and a sentence."""

import random

import numpy as np
import pytest
import torch
from ignite.engine import Engine, Events
from torch import nn

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses, UnlearningError
from ignite_unlearn.cascade import KFAC, Generated, OtherClass
from ignite_unlearn.errors import UnlearningDivergedError

CLASSES, N = 3, 8
PHASES = []  # of the test that runs
LACKS = {
    "cuda": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
    "the CPU": RuntimeError(
        "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried"
    ),
    "python": MemoryError(),
}


class Fuse:
    """Blows once, at a call; a phase that puts back what lies on the net does not see into it."""

    __slots__ = ("at", "error")

    def __init__(self):
        self.at = self.error = None

    def __call__(self):
        if self.at is not None:
            self.at -= 1
            if self.at == 0:
                self.at = None
                raise self.error


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.norm, self.linear = nn.Embedding(CLASSES, 4), nn.BatchNorm1d(4), nn.Linear(4, 16)
        self.fuse = Fuse()

    def forward(self, z, y):
        if not self.training:
            self.fuse()
        return self.linear(self.norm(z + self.embed(y))).view(-1, 1, 4, 4)


def make(lr=0.1, **options):
    torch.manual_seed(0)
    netG, netD = Generator(), nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    gan = GAN(netG, netD, latents=(4,), labels=CLASSES)
    optimizers = [torch.optim.Adam(net.parameters(), lr) for net in (netG, netD)]

    def step(engine, batch):
        x, y = batch
        fake = netG(torch.randn(len(x), 4), y)
        for optimizer, loss in (
            (optimizers[1], lambda: netD(fake.detach()) - netD(x)),
            (optimizers[0], lambda: -netD(fake)),
        ):
            optimizer.zero_grad()
            loss().mean().backward()
            optimizer.step()

    trainer = Engine(step)
    trainer.optimizers = optimizers
    given = {"substitution": OtherClass(0, samples=8), "fake_label": Generated(samples=8), **options}
    phase = CascadedUnlearning(gan, forget=ForgetClasses({2}), batch_size=8, **given)
    phase.measured = True
    PHASES.append(phase)
    return gan, trainer, phase


@pytest.fixture(autouse=True)
def removed():
    yield
    while PHASES:
        PHASES.pop().handle.remove()


def batches(n=4):
    torch.manual_seed(1)
    return [(torch.rand(N, 1, 4, 4), torch.arange(N) % CLASSES) for _ in range(n)]


def weights(gan):
    return [p.detach().clone() for net in (gan.generator, gan.discriminator) for p in net.parameters()]


def surroundings(gan):
    """All that is borrowed."""
    nets = (gan.generator, gan.discriminator)
    tensors = [t.clone() for net in nets for t in net.buffers()] + [torch.get_rng_state()]
    flags = [(m.training, len(m._forward_hooks), len(m._forward_pre_hooks)) for net in nets for m in net.modules()]
    flags += [(p.requires_grad, id(p.grad)) for net in nets for p in net.parameters()]
    return tensors, [*flags, str(random.getstate()), str(np.random.get_state())]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def remember(trainer, phase):
    """Keeps weights and surroundings as they are before each iteration's unlearning step."""
    kept = {}

    def before(engine):
        kept["weights"], kept["surroundings"] = weights(phase.gan), surroundings(phase.gan)

    trainer.add_event_handler(Events.GET_BATCH_COMPLETED, before)
    return kept


def go_on(trainer):
    """Runs the trainer again: the first run after an exception only ends what was left of the one before (Ignite)."""
    for _ in range(2):
        trainer.run(batches(3), max_epochs=trainer.state.epoch + 2)


ERRORS = {**LACKS, "interrupt": KeyboardInterrupt(), "somebody's own": ZeroDivisionError("mine")}


@pytest.mark.parametrize("what", ERRORS)
@pytest.mark.parametrize("call", [1, 3, 5])
def test_whatever_ends_an_unlearning_step_the_last_good_weights_are_back_and_the_loop_can_go_on(what, call):
    gan, trainer, phase = make()
    kept = remember(trainer, phase)
    handle = phase.attach(trainer)
    trainer.run(batches(2))
    gan.generator.fuse.at, gan.generator.fuse.error = call, ERRORS[what]
    expected = UnlearningError if what in LACKS else type(ERRORS[what])
    with pytest.raises(expected) as raised:
        trainer.run(batches(3))
    if what in LACKS:
        assert "out of memory" in str(raised.value) and "batch_size=8" in str(raised.value)
        assert "cannot be called" not in str(raised.value)
    assert same(weights(gan), kept["weights"])
    (tensors, flags), (were, flags_were) = surroundings(gan), kept["surroundings"]
    assert same(tensors, were) and flags == flags_were
    taken = phase.iterations
    go_on(trainer)
    assert phase.iterations > taken and all(w.isfinite().all() for w in weights(gan))
    handle.remove()
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in gan.generator.modules())


def test_a_lack_of_memory_names_what_each_part_holds():
    gan, trainer, phase = make(discriminator_step=KFAC(rows=16))
    gan.generator.fuse.at, gan.generator.fuse.error = 3, LACKS["cuda"]
    with pytest.raises(UnlearningError, match=r"batch_size=8 or .*KFAC\.rows=16") as raised, phase.attach(trainer):
        trainer.run(batches())
    assert str(raised.value).startswith("The unlearning step ran out of memory (CUDA out of memory.")


def test_a_lack_of_memory_outside_of_a_phase_is_told_as_it_is():
    gan, trainer, phase = make()
    phase.attach(trainer)
    gan.generator.fuse.at, gan.generator.fuse.error = 1, LACKS["cuda"]
    with pytest.raises(torch.OutOfMemoryError):
        gan.sample(4)


def test_an_error_in_the_loops_own_step_leaves_nothing_and_the_loop_can_go_on():
    gan, trainer, phase = make()
    step, left = trainer._process_function, [3]

    def failing(engine, batch):
        left[0] -= 1
        if left[0] == 0:
            raise ZeroDivisionError("mine")
        return step(engine, batch)

    trainer._process_function = failing
    handle = phase.attach(trainer)
    with pytest.raises(ZeroDivisionError):
        trainer.run(batches())
    go_on(trainer)
    assert phase.iterations > 3
    handle.remove()
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in gan.generator.modules())
    assert [m.training for m in gan.generator.modules()] == [True] * 4


class Broken(torch.optim.SGD):
    """An optimiser that breaks once, when ``left`` steps of all that share it are taken."""

    def __init__(self, parameters, how, left):
        super().__init__(parameters, 0.01, momentum=0.9)
        self.how, self.left = how, left

    def step(self):
        self.left[0] -= 1
        super().step()
        if self.left[0] == 0:
            for p in self.param_groups[0]["params"]:
                p.data.fill_(float("nan"))
                self.state[p]["momentum_buffer"].fill_(float("nan"))
            if self.how == "raises":
                raise ZeroDivisionError("mine")


@pytest.mark.parametrize(("how", "error"), [("raises", ZeroDivisionError), ("not finite", UnlearningDivergedError)])
def test_a_broken_optimiser_of_the_phase_costs_a_step_and_is_not_blamed_on_the_loop(how, error):
    left = [5]
    gan, trainer, phase = make(optimizer=lambda parameters: Broken(parameters, how, left), generator_steps=1)
    kept = remember(trainer, phase)
    phase.attach(trainer)
    with pytest.raises(error) as raised:
        trainer.run(batches())
    assert same(weights(gan), kept["weights"])
    assert how == "raises" or str(raised.value).startswith("The unlearning step left weights that are not finite")
    go_on(trainer)  # without the moments that were not finite
    assert all(w.isfinite().all() for w in weights(gan)) and phase.iterations >= 5


def test_a_loop_whose_own_moments_are_not_finite_is_told_so():
    gan, trainer, phase = make()
    step = trainer._process_function

    def poisoned(engine, batch):
        step(engine, batch)
        if engine.state.iteration == 2:
            for p in gan.discriminator.parameters():
                p.grad.fill_(float("nan"))
            trainer.optimizers[1].step()

    trainer._process_function = poisoned
    with pytest.raises(UnlearningDivergedError, match=r"own step left .* own optimisers hold moments"):
        phase.attach(trainer)
        trainer.run(batches())
    assert all(w.isfinite().all() for w in weights(gan))


@pytest.mark.parametrize("row", [1, 2], ids=["a retained row", "a forgotten row"])
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_images_that_are_not_finite_are_named_and_no_rate_is_blamed(row, value):
    gan, trainer, phase = make()
    given = batches()
    given[1][0][row, 0, 0, 0] = float(value)
    with pytest.raises(
        UnlearningDivergedError, match="1 of 8 images of the batch hold values that are not finite"
    ) as e:
        phase.attach(trainer)
        trainer.run(given)
    assert "rate" not in str(e.value) and all(w.isfinite().all() for w in weights(gan))


def test_images_that_only_the_loops_own_step_met_are_named_too():
    gan, trainer, phase = make(every=3)
    given = batches(6)
    given[1][0][1] = float("nan")  # no unlearning step is taken on it
    with pytest.raises(UnlearningDivergedError, match="Images of the loop's batch are not finite") as raised:
        phase.attach(trainer)
        trainer.run(given)
    assert "rate" not in str(raised.value) and all(w.isfinite().all() for w in weights(gan))


def test_after_its_end_a_phase_replaces_rows_and_looks_at_weights_no_more():
    gan, trainer, phase = make(max_iterations=1)
    seen, step = [], trainer._process_function

    def recording(engine, batch):
        seen.append(2 in batch[1].tolist())
        step(engine, batch)
        if engine.state.iteration == 3:
            gan.generator.linear.weight.data.fill_(float("nan"))

    trainer._process_function = recording
    with phase.attach(trainer):
        trainer.run(batches())
    assert seen == [False] * 4 and not phase.active
    assert not gan.generator.linear.weight.isfinite().all()
