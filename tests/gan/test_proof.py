import pytest
import torch
from torch import nn

from ignite_unlearn import GAN
from ignite_unlearn.gan.proof import doubts
from tests.loops import nets_in_the_wild  # noqa: F401 - it fills the zoo
from tests.loops.case import ZOO


@pytest.mark.parametrize("name", sorted(ZOO))
def test_nothing_is_said_of_a_loop_that_can_be_borrowed(name):
    case = ZOO[name]()
    before = [p.clone() for net in (case.gan.generator, case.gan.discriminator) for p in net.parameters()]
    assert doubts(case.gan) == []
    after = [p for net in (case.gan.generator, case.gan.discriminator) for p in net.parameters()]
    assert all(map(torch.equal, before, after))


class Slots:
    __slots__ = ("calls",)

    def __init__(self):
        self.calls = 0


class Secretive(nn.Linear):
    """Counts where nobody can look: in an object without attributes to read."""

    def __init__(self):
        super().__init__(4, 1)
        self.secret = Slots()

    def forward(self, x):
        self.secret.calls += 1
        return super().forward(x) + self.secret.calls


def test_state_that_cannot_be_seen_is_noticed():
    (sentence,) = doubts(GAN(nn.Linear(2, 4), Secretive(), latents=(2,)))
    assert sentence.startswith("The discriminator answers the same question in two ways")


def test_a_callable_that_calls_the_original_is_noticed():
    netG, netD = nn.Linear(2, 4), nn.Linear(4, 1)
    live = GAN(netG, netD, latents=(2,), discriminate=lambda net, x, y: netD(x))
    (sentence,) = doubts(live)
    assert sentence.startswith("A copy of the discriminator answers as the original does")
    assert doubts(GAN(netG, netD, latents=(2,), discriminate=lambda net, x, y: net(x))) == []


def test_a_net_that_is_unsure_is_not_taken_for_one_with_state():
    def noisy(net, z, y):
        return net(z) + torch.randn(len(z), 4)

    gan = GAN(nn.Linear(2, 4), nn.Linear(4, 1), latents=(2,), generate=noisy)
    assert doubts(gan) == []
