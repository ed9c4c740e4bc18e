"""A request, and later a second one, against both at once: on discriminators that have learnt their images by heart."""

import copy
from functools import partial

import pytest
import torch
from ignite.engine import Engine
from torch import nn
from torch.nn.functional import softplus

from ignite_unlearn import GAN, CascadedUnlearning, ForgetItems
from ignite_unlearn.cascade import GaussNewton, RetainedNeighbour, UnseenQuantiles
from ignite_unlearn.metrics.membership import auc

TRAINED, ITEMS = 60, 16
REQUESTS, OF_EACH = 4, 12


class Loop:
    """A GAN on random images, which a net of this size can only learn by heart."""

    def __init__(self, seed, trained=TRAINED):
        torch.manual_seed(seed)
        self.trained, self.unseen, self.scoring = (torch.rand(n, 1, 6, 6) * 2 - 1 for n in (trained, 200, 200))
        netG = nn.Sequential(nn.Linear(4, 36), nn.Tanh(), nn.Unflatten(1, (1, 6, 6)))
        netD = nn.Sequential(nn.Flatten(), nn.Linear(36, 64), nn.LeakyReLU(0.2), nn.Linear(64, 32), nn.LeakyReLU(0.2),
                             nn.Linear(32, 1))  # fmt: skip
        self.gan = GAN(netG, netD, latents=(4,))
        self.optimizer = torch.optim.Adam(netD.parameters(), 2e-3)
        for _ in range(120):
            self.step(None, self.trained[torch.randint(trained, (32,))])
        self.optimizer = torch.optim.Adam(netD.parameters(), 5e-5)

    def step(self, engine, real):
        # Unseen-like images stand in for generated ones: what else could a discriminator learn of random images?
        fake = torch.rand(len(real), 1, 6, 6) * 2 - 1
        loss = softplus(-self.gan.score(real)).mean() + softplus(self.gan.score(fake)).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def forget(self, forget, kept=ITEMS):
        step = GaussNewton(self.trained[kept:], unseen=self.unseen, rows=44)
        self.run(forget, iterations=30, every=5, discriminator_step=step)

    def descend(self, forget, kept):
        adam = partial(torch.optim.Adam, lr=2e-3, betas=(0.5, 0.99), eps=5e-3)
        self.run(forget, iterations=100, optimizer=adam)

    def run(self, forget, iterations, **options):
        unlearning = CascadedUnlearning(
            self.gan, forget=forget, substitution=RetainedNeighbour(),
            fake_label=UnseenQuantiles(self.unseen, samples=200), **options,
        )  # fmt: skip
        trainer = Engine(self.step)
        with unlearning.attach(trainer):
            trainer.run([self.trained[torch.randperm(len(self.trained))[:32]] for _ in range(iterations)])

    def told(self):
        return self.auc(slice(ITEMS)), self.auc(slice(ITEMS, None))

    def auc(self, rows):
        with torch.no_grad():
            return auc(self.gan.score(self.trained[rows]), self.gan.score(self.scoring))


@pytest.fixture(scope="module")
def measured():
    rows = []
    for seed in range(4):
        loop = Loop(seed)
        joint, in_a_row = copy.deepcopy(loop), copy.deepcopy(loop)
        joint.forget(ForgetItems(loop.trained[:ITEMS]))
        half = ForgetItems(loop.trained[: ITEMS // 2])
        in_a_row.forget(half)
        half.add(loop.trained[ITEMS // 2 : ITEMS])
        in_a_row.forget(half)
        rows.append((loop.told(), joint.told(), in_a_row.told()))
    return torch.tensor(rows)  # (seeds, original / joint / in a row, items / retained)


def test_items_are_forgotten_and_retained_images_are_not(measured):
    original, joint, in_a_row = measured[:, :, 0].T
    assert (original > 0.9).all()
    assert ((joint - 0.5).abs() < 0.15).all() and ((in_a_row - 0.5).abs() < 0.15).all()
    assert (measured[:, 1:, 1] > measured[:, :1, 1] - 0.1).all()


def test_two_requests_equal_one_joint_request_within_the_seeds_spread(measured):
    joint, in_a_row = measured[:, 1, 0], measured[:, 2, 0]
    spread = max(float(joint.std()), float(in_a_row.std()))
    assert abs(float(joint.mean() - in_a_row.mean())) <= max(2 * spread, 0.02)


@pytest.mark.parametrize(("way", "seeds"), [("forget", 3), ("descend", 2)])
def test_each_of_many_requests_is_forgotten_by_itself(way, seeds):
    requests = [slice(i * OF_EACH, (i + 1) * OF_EACH) for i in range(REQUESTS)]
    kept = REQUESTS * OF_EACH
    before, after = [], []
    for seed in range(seeds):
        loop = Loop(seed, trained=96)
        before.append([loop.auc(rows) for rows in requests])
        forget = ForgetItems(loop.trained[requests[0]])
        getattr(loop, way)(forget, kept)
        for rows in requests[1:]:
            forget.add(loop.trained[rows])
            getattr(loop, way)(forget, kept)
        after.append([loop.auc(rows) for rows in requests] + [loop.auc(slice(kept, None))])
    before, after = torch.tensor(before).mean(0), torch.tensor(after).mean(0)
    assert (before > 0.8).all() and after[-1] > 0.8
    assert ((after[:-1] - 0.5).abs() < 0.12).all()
    assert after[:-1].max() - after[:-1].min() < 0.12  # neither the oldest nor the newest stands out
