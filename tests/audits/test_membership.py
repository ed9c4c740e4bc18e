import copy
from dataclasses import replace
from functools import partial

import pytest
import torch

from ignite_unlearn import GAN, UnlearningError
from ignite_unlearn.audits import (
    ByMonteCarlo,
    ByNearestSample,
    ByOtherLabels,
    Membership,
    Reconstruction,
    SetMembership,
)
from ignite_unlearn.forget import Inversion
from tests.audits.gans import ITEMS, RETAINED, UNSEEN, item_gan, learn_items


@pytest.fixture(scope="module")
def gans():
    original, retrained = item_gan(torch.cat([ITEMS, RETAINED])), item_gan(RETAINED, seed=1)
    tuned, marked = copy.deepcopy(original), copy.deepcopy(original)
    torch.manual_seed(0)
    learn_items(tuned, RETAINED, 1.0, 30)
    learn_items(marked, ITEMS, 0.0, 80)
    return {"original": original, "fine-tuned only": tuned, "marked as fake": marked, "retrained": retrained}


class ByRawScore:
    """An attack of one's own."""

    key, title = "raw_score", "raw score"

    def __call__(self, gan):
        return lambda images, labels: gan.score(images)


@pytest.mark.parametrize("audit", [Membership(ITEMS, UNSEEN), SetMembership(ITEMS, UNSEEN, attack=ByRawScore())])
def test_weak_methods_are_caught_in_either_direction(gans, audit):
    retrained = audit(gans["retrained"])
    assert retrained.passed is None and "no verdict" in retrained.verdict
    for name, word in (("original", "told from"), ("fine-tuned only", "told from"), ("marked as fake", "marked")):
        found = audit(gans[name], retrained=retrained)
        assert found.passed is False and word in found.verdict, name
    another = audit(item_gan(RETAINED, seed=2), retrained=retrained)
    assert another.passed is True and another.low <= another.value <= another.high


class Memory(torch.nn.Module):
    """A generator that makes its training images and little else."""

    def __init__(self, images):
        super().__init__()
        self.images = torch.nn.Parameter(images.clone())

    def forward(self, z):
        return self.images[(z[:, 0].abs() * 1e4).long() % len(self.images)] + 0.05 * z[:, :1, None, None]


@pytest.mark.parametrize(
    "make",
    [
        partial(Membership, attack=ByNearestSample(samples=300)),
        partial(Membership, attack=ByNearestSample(samples=300, calibration=UNSEEN[800:])),
        partial(Membership, attack=ByMonteCarlo(samples=300, radius=3.0)),
        partial(SetMembership, attack=ByMonteCarlo(samples=300, radius=3.0)),
        partial(Reconstruction, inversion=Inversion(candidates=500, steps=0, progress=False)),
    ],
)
def test_a_generator_that_makes_the_items_is_caught(gans, make):
    audit = make(ITEMS, UNSEEN[:800])

    def with_generator(images):
        gan = copy.deepcopy(gans["retrained"])
        gan.generator = Memory(images)
        return gan

    retrained = audit(with_generator(RETAINED))
    found = audit(with_generator(torch.cat([ITEMS, RETAINED])), retrained=retrained)
    assert found.value > 0.7 and found.passed is False
    again = audit(with_generator(RETAINED + 0.01), retrained=retrained)
    assert again.passed is True


def test_audits_are_repeatable_and_leave_nets_and_streams_alone(gans):
    gan = gans["original"]
    gan.discriminator.train()
    state, weights = torch.get_rng_state(), copy.deepcopy(gan.discriminator.state_dict())
    first, second = (Membership(ITEMS, UNSEEN, attack=ByNearestSample(samples=50))(gan) for _ in range(2))
    assert first == second
    assert torch.equal(torch.get_rng_state(), state) and gan.discriminator.training
    assert all(torch.equal(value, weights[key]) for key, value in gan.discriminator.state_dict().items())


def test_missing_images_are_refused(gans):
    with pytest.raises(UnlearningError, match="needs both"):
        Membership(ITEMS[:0], UNSEEN)(gans["original"])
    with pytest.raises(UnlearningError, match="reconstruction needs both"):
        Reconstruction(ITEMS, UNSEEN[:0])(gans["original"])
    with pytest.raises(UnlearningError, match="make no set of 20"):
        SetMembership(ITEMS, UNSEEN[:10])(gans["original"])


class Projection(torch.nn.Module):
    """Features of a discriminator that learned images, and a row for each label that asks them."""

    def __init__(self, layers, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.layers, self.rows = layers, torch.nn.Embedding(4, 64)
        self.last = copy.deepcopy(layers[3])
        torch.nn.init.normal_(self.rows.weight, std=0.2)

    def forward(self, x, y):
        features = self.layers[:3](x)
        return self.last(features) + (features * self.rows(y)).sum(1, keepdim=True)


def test_what_a_discriminator_remembers_is_asked_under_labels_that_were_trained(gans):
    """The row of label 3 is untrained: what it asks is drawn, while the others ask what the layers remember."""
    forgotten, unseen = (torch.full((n,), 3) for n in (len(ITEMS), len(UNSEEN)))
    own = Membership(ITEMS, UNSEEN, labels=forgotten, unseen_labels=unseen)
    others = replace(own, attack=ByOtherLabels(range(3)))

    def untrained(gan, seed):
        net = Projection(copy.deepcopy(gan.discriminator), seed)
        with torch.no_grad():
            net.rows.weight[:3] = 0  # as trained ones ask alike
            net.rows.weight[3] *= 30
        return GAN(gan.generator, net, latents=(4,), labels=4, generate=lambda net, z, y: net(z))

    retrained, original = ([untrained(gans[name], seed) for seed in range(16)] for name in ("retrained", "original"))
    by_row, by_others = ([audit(gan).value for gan in retrained] for audit in (own, others))
    assert max(by_row) - min(by_row) > 0.1 and max(by_others) == min(by_others)
    beside = others(retrained[0])
    assert all(others(gan, retrained=beside).passed is False for gan in original)


def test_labels_that_the_gan_does_not_have_are_told(gans):
    with pytest.raises(UnlearningError, match="under no label"):
        ByOtherLabels(())
    with pytest.raises(UnlearningError, match=r"labels \(0, 1\), but the GAN has no labels"):
        Membership(ITEMS, UNSEEN, attack=ByOtherLabels((0, 1)))(gans["original"])
    few = GAN(torch.nn.Linear(4, 64), Projection(gans["original"].discriminator, 0), latents=(4,), labels=4)
    with pytest.raises(UnlearningError, match=r"labels \(4,\), but the GAN has labels from 0 to 3"):
        Membership(ITEMS, UNSEEN, attack=ByOtherLabels((4,)))(few)
