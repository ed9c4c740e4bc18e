"""A request, and later a second one, against both at once: on discriminators that have learnt their images by heart."""

import copy

import pytest
import torch
from ignite.engine import Engine
from torch import nn
from torch.nn.functional import softplus

from ignite_unlearn import GAN, CascadedUnlearning, ForgetItems, GaussNewton, RetainedNeighbour, UnseenQuantiles
from ignite_unlearn.metrics.membership import auc

TRAINED, ITEMS = 60, 16


class Loop:
    """A GAN on random images, which a net of this size can only learn by heart."""

    def __init__(self, seed):
        torch.manual_seed(seed)
        self.trained, self.unseen, self.scoring = (torch.rand(n, 1, 6, 6) * 2 - 1 for n in (TRAINED, 200, 200))
        netG = nn.Sequential(nn.Linear(4, 36), nn.Tanh(), nn.Unflatten(1, (1, 6, 6)))
        netD = nn.Sequential(nn.Flatten(), nn.Linear(36, 64), nn.LeakyReLU(0.2), nn.Linear(64, 32), nn.LeakyReLU(0.2),
                             nn.Linear(32, 1))  # fmt: skip
        self.gan = GAN(netG, netD, latents=(4,))
        self.optimizer = torch.optim.Adam(netD.parameters(), 2e-3)
        for _ in range(120):
            self.step(None, self.trained[torch.randint(TRAINED, (32,))])
        self.optimizer = torch.optim.Adam(netD.parameters(), 5e-5)

    def step(self, engine, real):
        # Unseen-like images stand in for generated ones: what else could a discriminator learn of random images?
        fake = torch.rand(len(real), 1, 6, 6) * 2 - 1
        loss = softplus(-self.gan.score(real)).mean() + softplus(self.gan.score(fake)).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def forget(self, forget):
        unlearning = CascadedUnlearning(
            self.gan, forget=forget, substitution=RetainedNeighbour(), every=5, max_iterations=6,
            fake_label=UnseenQuantiles(self.unseen, samples=200),
            discriminator_step=GaussNewton(self.trained[ITEMS:], unseen=self.unseen, rows=44),
        )  # fmt: skip
        trainer = Engine(self.step)
        with unlearning.attach(trainer):
            trainer.run([self.trained[torch.randperm(TRAINED)[:32]] for _ in range(30)])

    def told(self):
        with torch.no_grad():
            score = self.gan.score
            return auc(score(self.trained[:ITEMS]), score(self.scoring)), auc(
                score(self.trained[ITEMS:]), score(self.scoring)
            )


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
