"""Two processes that share global batches do what one does, to rounding."""

from functools import partial

import ignite.distributed as idist
import pytest
import torch
from ignite.engine import Engine
from torch import nn
from torch.nn.functional import relu

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses, ForgetItems
from ignite_unlearn.cascade import (
    Between,
    GaussNewton,
    Generated,
    OtherClass,
    RetainedNeighbour,
    Unseen,
    UnseenQuantiles,
)
from ignite_unlearn.forget import Inversion
from ignite_unlearn.utils.distributed import shard
from tests.loops.nets import CLASSES, SIZE, Z, real_images
from tests.processes import in_two

ROWS, ITERATIONS = 8, 50


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(CLASSES, Z)
        self.body = nn.Sequential(nn.Linear(Z, 16), nn.LeakyReLU(0.2), nn.Linear(16, SIZE * SIZE), nn.Tanh())

    def forward(self, z, y):
        return self.body(z + self.embed(y)).view(-1, 1, SIZE, SIZE)


def global_batch(i):
    """All rows of the forget set are in the first half: on rank 0 alone."""
    images, labels = real_images(ROWS, seed=i)
    half = ROWS // 2
    labels[half:] = labels[half:].clamp(max=1)
    labels[: 1 + i % half] = 2
    return images.double(), labels


def items_phase(gan, images, descent=False):
    """All of the items are on rank 0; the request holds them, and every process solves for all of them."""
    items, retained = global_batch(0)[0][:2], global_batch(1)[0]
    step = None if descent else GaussNewton(retained, unseen=images, rows=6)
    inversion = Inversion(candidates=32, steps=3, progress=False)
    return CascadedUnlearning(
        gan, forget=ForgetItems(items, torch.tensor([2, 2]), inversion=inversion), substitution=RetainedNeighbour(16),
        fake_label=UnseenQuantiles(images, samples=8), discriminator_step=step, batch_size=10,
        generator_steps=2, every=3,
    )  # fmt: skip


def class_phase(gan, images):
    return CascadedUnlearning(
        gan, forget=ForgetClasses({2}), substitution=OtherClass(),
        fake_label=Between(Generated(samples=8), Unseen(images, samples=8)), batch_size=10, generator_steps=2,
    )  # fmt: skip


def by_itself(gan, images, items=False):
    """A phase that chooses, looks again and measures."""
    request = ForgetItems(global_batch(0)[0][:2], torch.tensor([2, 2])) if items else ForgetClasses({2})
    return CascadedUnlearning(
        gan, forget=request, unseen=(images, torch.arange(len(images)) % CLASSES), batch_size=10, max_iterations=20,
        generator_steps=2,
    )  # fmt: skip


PHASES = {
    "classes": class_phase,
    "items": items_phase,
    "descent": partial(items_phase, descent=True),
    "classes, by itself": by_itself,
    "items, by itself": partial(by_itself, items=True),
}


def train(rank, path, phase):
    """A data-parallel loop that averages its gradients itself; saves both nets and the number of ranks."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    netG, netD = (
        Generator().double(),
        nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.Tanh(), nn.Linear(8, 1)).double(),
    )
    optG, optD = torch.optim.SGD(netG.parameters(), 0.02), torch.optim.SGD(netD.parameters(), 0.02)
    mine = shard(ROWS)

    def descend(optimizer, loss):
        optimizer.zero_grad()
        loss.backward()
        for group in optimizer.param_groups:
            for p in group["params"]:
                p.grad = idist.all_reduce(p.grad) / idist.get_world_size()
        optimizer.step()

    def step(engine, batch):
        real, labels = batch
        z = torch.randn(ROWS, Z, generator=torch.Generator().manual_seed(engine.state.iteration)).double()[mine]
        descend(optD, relu(1 - netD(real)).mean() + relu(1 + netD(netG(z, labels).detach())).mean())
        descend(optG, -netD(netG(z, labels)).mean())

    gan = GAN(netG, netD, latents=(Z,), labels=CLASSES)
    images, _ = real_images(20, seed=1000)
    unlearning = PHASES[phase](gan, images.double())
    trainer = Engine(step)
    with unlearning.attach(trainer):
        trainer.run([tuple(t[mine] for t in global_batch(i)) for i in range(ITERATIONS)])
    if idist.get_rank() == idist.get_world_size() - 1:  # the one of two that holds no row of the forget set
        torch.save((unlearning.rows_found, unlearning.items_found), f"{path}.seen")
    if idist.get_rank() == 0:
        state = {"g": netG.state_dict(), "d": netD.state_dict(), "world": idist.get_world_size()}
        torch.save({**state, "metrics": unlearning.metrics, "iterations": unlearning.iterations}, path)


@pytest.mark.parametrize(
    ("phase", "steps"),
    [
        ("classes", ITERATIONS),
        ("items", -(-ITERATIONS // 3)),
        ("descent", -(-ITERATIONS // 3)),
        ("classes, by itself", 20),
        ("items, by itself", 20),
    ],
)
def test_two_processes_equal_one(tmp_path, phase, steps):
    train(0, tmp_path / "one.pt", phase)
    in_two(train, str(tmp_path / "two.pt"), phase)
    one, two = (torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("one", "two"))
    assert (one["world"], two["world"], two["iterations"]) == (1, 2, steps)
    seen = [torch.load(tmp_path / f"{name}.pt.seen", weights_only=True) for name in ("one", "two")]
    assert seen[0] == seen[1] and seen[0][0] > 0 and (seen[0][1] is None) == phase.startswith("classes")
    torch.manual_seed(0)
    untrained = Generator().double().state_dict()
    for net in ("g", "d"):
        for key, value in one[net].items():
            assert torch.allclose(value, two[net][key], atol=1e-5, rtol=0), key
            assert net == "d" or not torch.allclose(value, untrained[key], atol=1e-3)
    assert one["metrics"].keys() == two["metrics"].keys()
    for key, value in one["metrics"].items():
        assert abs(value - two["metrics"][key]) < 1e-5, key
