"""What a phase holds: no more after 2,000 iterations than after some; a teacher of half precision by choice."""

import gc
import resource

import pytest
import torch
from ignite.engine import Engine, Events
from torch import nn

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses
from ignite_unlearn.cascade import Generated, OtherClass

CLASSES, N = 3, 12


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.linear = nn.Embedding(CLASSES, 4), nn.Linear(4, 16)

    def forward(self, z, y):
        return self.linear(z + self.embed(y)).view(-1, 1, 4, 4)


def make(forget, **options):
    torch.manual_seed(0)
    netG, netD = Generator(), nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 1))
    gan = GAN(netG, netD, latents=(4,), labels=CLASSES)
    optimizers = [torch.optim.SGD(net.parameters(), 1e-4) for net in (netG, netD)]

    def step(engine, batch):
        for optimizer, loss in ((optimizers[1], -netD(batch[0])), (optimizers[0], netG(torch.randn(N, 4), batch[1]))):
            optimizer.zero_grad()
            loss.mean().backward()
            optimizer.step()

    trainer = Engine(step)
    trainer.optimizers = optimizers
    return trainer, CascadedUnlearning(gan, forget=forget, batch_size=4, generator_steps=1, **options)


STREAM = torch.Generator().manual_seed(1)
IMAGES, LABELS = torch.rand(N, 1, 4, 4, generator=STREAM), torch.arange(N) % CLASSES


def given():
    """A phase for a class whose parts are given."""
    return make(ForgetClasses({2}), substitution=OtherClass(0, samples=8), fake_label=Generated(samples=8))


def tensors():
    """How many numbers all tensors of the process hold."""
    gc.collect()
    return sum(value.numel() for value in gc.get_objects() if type(value) in (torch.Tensor, nn.Parameter))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_two_thousand_iterations_hold_no_more_than_two_hundred():
    trainer, phase = given()
    found = {}

    def look(engine):
        if engine.state.iteration in (200, 2000):
            found[engine.state.iteration] = tensors(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    trainer.add_event_handler(Events.ITERATION_COMPLETED, look)
    with phase.attach(trainer):
        trainer.run([(IMAGES, LABELS)] * 200, max_epochs=10)
    assert phase.iterations == 2000
    assert found[2000][0] <= 1.05 * found[200][0]
    assert found[2000][1] - found[200][1] < 16 * 1024  # KiB


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_a_teacher_may_be_cast_to_half_precision_once_the_phase_is_attached(dtype):
    trainer, phase = given()
    phase.measured = True
    with phase.attach(trainer):
        phase.original.teacher.generator.to(dtype), phase.original.teacher.discriminator.to(dtype)
        trainer.run([(IMAGES, LABELS)] * 5)
        state = phase.state_dict()
    assert phase.iterations == 5 and all(p.dtype == torch.float32 for p in phase.gan.generator.parameters())
    assert state["original"]["generator"]["linear.weight"].dtype == dtype
