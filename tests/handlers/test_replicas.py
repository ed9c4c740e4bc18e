"""Replicas of DistributedDataParallel stay bit-identical, though BatchNorm keeps statistics of its own in each."""

import pytest
import torch
from ignite.engine import Engine
from torch import nn
from torch.nn.functional import softplus
from torch.nn.parallel import DistributedDataParallel

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses, ForgetItems, UnlearningError
from ignite_unlearn.cascade import Fixed, GaussNewton, OtherClass, RetainedNeighbour, UnseenQuantiles
from ignite_unlearn.forget import Inversion
from tests.loops.nets import CLASSES, Generator, Z, real_images
from tests.processes import in_two

ROWS, ITERATIONS = 12, 6
SIGNS = torch.tensor([-1.0, 1.0]).repeat_interleave(ROWS)[:, None]  # of the scores of real and generated images
ITEMS, ITEM_LABELS = (t[:4] for t in real_images(40, seed=99))
RETAINED, RETAINED_LABELS = real_images(40, seed=98)
UNSEEN, UNSEEN_LABELS = real_images(40, seed=97)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.LeakyReLU(0.2), nn.Flatten(),
            nn.Linear(72, 16), nn.BatchNorm1d(16), nn.LeakyReLU(0.2), nn.Linear(16, 1),
        )  # fmt: skip

    def forward(self, images):
        return self.body(images)


def items(**options):
    return ForgetItems(ITEMS, ITEM_LABELS, **options)


def gauss_newton(**options):
    return GaussNewton(RETAINED, unseen=UNSEEN, rows=16, **options)


QUANTILES = UnseenQuantiles(UNSEEN, samples=20)
PHASES = {
    "items, Gauss-Newton": lambda gan: {"forget": items(), "discriminator_step": gauss_newton()},
    "items, descent": lambda gan: {"forget": items()},
    "class, Gauss-Newton": lambda gan: {
        "forget": ForgetClasses({2}), "substitution": OtherClass(),
        "discriminator_step": GaussNewton(RETAINED[RETAINED_LABELS != 2], rows=16),
    },
    "class, descent": lambda gan: {"forget": ForgetClasses({2}), "substitution": OtherClass()},
    "items that one replica knows": lambda gan: {"forget": known_by_the_first(gan)},
}  # fmt: skip


def known_by_the_first(gan):
    """A request for what the first process's generator makes; the other's statistics are off, so it knows none."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        latents, labels = torch.randn(4, Z), torch.arange(4) % CLASSES
    made = gan.teacher().sample(4, labels, latents=latents)
    torch.distributed.broadcast(made, 0)
    if torch.distributed.get_rank() == 1:
        gan.generator.body[1].running_mean.add_(3)
    return ForgetItems(made, labels, inversion=Inversion(candidates=64, steps=150, progress=False), unseen=UNSEEN)


def train(rank, folder, broadcast_buffers):
    torch.set_num_threads(1)
    for name, options in PHASES.items():
        torch.manual_seed(0)
        netG, netD = (
            DistributedDataParallel(net, broadcast_buffers=broadcast_buffers)
            for net in (Generator(CLASSES), Discriminator())
        )
        gan = GAN(netG, netD, latents=(Z,), labels=CLASSES)
        optG, optD = torch.optim.Adam(netG.parameters(), 1e-3), torch.optim.Adam(netD.parameters(), 1e-3)

        def step(engine, batch, netG=netG, netD=netD, optG=optG, optD=optD):
            real, labels = batch
            with torch.no_grad():
                fake = netG(torch.randn(ROWS, Z), labels)
            for optimizer, loss in (
                (optD, lambda: softplus(SIGNS * netD(torch.cat([real, fake])))),
                (optG, lambda: softplus(-netD(netG(torch.randn(ROWS, Z), labels)))),
            ):  # fmt: skip
                optimizer.zero_grad()
                loss().mean().backward()
                optimizer.step()

        torch.manual_seed(rank)
        chosen = {"substitution": RetainedNeighbour(16), "fake_label": QUANTILES, "batch_size": 8, **options(gan)}
        unlearning = CascadedUnlearning(gan, **chosen)
        batches = [real_images(ROWS, seed=100 * rank + i) for i in range(ITERATIONS)]
        for images, labels in batches:  # everything to be forgotten is on the first process
            if rank == 1:
                labels.clamp_(max=1)
            else:
                images[:2], labels[:2] = ITEMS[:2], 2
        trainer = Engine(step)
        with unlearning.attach(trainer):
            trainer.run(batches)
        saved = {"g": netG.module.state_dict(), "d": netD.module.state_dict(), "metrics": unlearning.metrics}
        torch.save(saved, f"{folder}/{name} {rank}.pt")


@pytest.fixture(scope="module", params=[True, False], ids=["buffers broadcast", "buffers apart"])
def replicas(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("replicas")
    in_two(train, str(folder), request.param)
    return {name: [torch.load(folder / f"{name} {rank}.pt", weights_only=True) for rank in (0, 1)] for name in PHASES}


@pytest.mark.parametrize("phase", PHASES)
def test_replicas_stay_bit_identical(replicas, phase):
    one, other = replicas[phase]
    for net in ("g", "d"):
        for key, value in one[net].items():
            if "running" not in key:
                assert torch.equal(value, other[net][key]), (net, key)
    assert any(not torch.equal(v, other["d"][k]) for k, v in one["d"].items() if "running" in k)
    assert one["metrics"] == other["metrics"] and "fake_label" in one["metrics"]


def test_all_processes_know_an_item_where_the_first_does(replicas):
    for replica in replicas["items that one replica knows"]:
        assert "substitution_loss" in replica["metrics"]


def refuse(rank, folder):
    """The retained images of one process hold an item: both must say so, and neither wait for the other."""
    torch.manual_seed(0)
    gan = GAN(Generator(), Discriminator(), latents=(Z,))
    retained = torch.cat([RETAINED, ITEMS[:1]]) if rank == 1 else RETAINED
    unlearning = CascadedUnlearning(
        gan, forget=ForgetItems(ITEMS), substitution=RetainedNeighbour(), fake_label=Fixed(),
        discriminator_step=GaussNewton(retained, rows=16),
    )  # fmt: skip
    if rank == 0:  # alone: a look waits for nobody
        assert unlearning.check([RETAINED[:8]])
    trainer = Engine(lambda engine, batch: None)
    try:
        with unlearning.attach(trainer):
            trainer.run([RETAINED[:8]])
    except UnlearningError as error:
        torch.save(str(error), f"{folder}/{rank}.pt")


def test_what_one_process_refuses_all_refuse(tmp_path):
    in_two(refuse, str(tmp_path))
    said = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert "1 of GaussNewton's retained images" in said[1] and "another process" in said[0]
