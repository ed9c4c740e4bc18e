import random

import numpy as np
import pytest
import torch
from torch import nn

from ignite_unlearn import GAN
from ignite_unlearn.gan.noise import same_noise
from ignite_unlearn.utils.identical import Streams, assert_identical


class Noisy(nn.Linear):
    """Adds what ``draw`` gives for so many rows."""

    def __init__(self, draw):
        super().__init__(2, 3)
        self.draw = draw

    def forward(self, z):
        return super().forward(z) + self.draw(self, len(z))


class WithStream(Noisy):
    def __init__(self, draw):
        super().__init__(draw)
        self.stream = torch.Generator().manual_seed(1)


DRAWS = {
    "torch": lambda net, n: torch.randn(n, 3),
    "numpy": lambda net, n: torch.from_numpy(np.random.randn(n, 3)).float(),
    "python": lambda net, n: random.random(),
    "own": lambda net, n: torch.randn(n, 3, generator=net.stream),
}


@pytest.mark.parametrize("name", DRAWS)
def test_generator_and_teacher_draw_the_same_noise(name):
    gan = GAN(WithStream(DRAWS[name]), nn.Linear(3, 1), latents=(2,))
    teacher, z = gan.teacher(), torch.randn(5, 2)
    gan.generate(z)  # the live generator's own stream has moved on
    with same_noise(gan, teacher, z, None) as noisy:
        live, still = gan.generate(z), teacher.sample(5, latents=z)
        assert torch.equal(live, still)
        parts = teacher.sample(10, latents=torch.cat([z, z]))  # as many rows at once as there are latents
        assert torch.equal(parts[:5], still) and torch.equal(parts[5:], still)
    assert noisy and not torch.equal(gan.generate(z), live)


def test_a_generator_without_noise_goes_through_as_it_did():
    gan, z = GAN(nn.Linear(2, 3), nn.Linear(3, 1), latents=(2,)), torch.randn(5, 2)
    before = Streams().state_dict()
    with same_noise(gan, gan.teacher(), z, None) as noisy:
        assert not noisy and gan.noise is None
    assert_identical(Streams().state_dict(), before)


def test_dropout_is_no_noise_while_a_net_is_in_eval_mode():
    gan, z = GAN(nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5)), nn.Linear(3, 1), latents=(2,)), torch.randn(5, 2)
    with same_noise(gan, gan.teacher(), z, None) as noisy:
        assert not noisy
