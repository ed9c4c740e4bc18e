import copy
from functools import partial

import pytest
import torch

from ignite_unlearn import Inversion, UnlearningError
from ignite_unlearn.audits.membership import membership, monte_carlo, nearest_sample, set_membership
from ignite_unlearn.audits.reconstruction import reconstruction
from tests.audits.gans import ITEMS, RETAINED, UNSEEN, item_gan, learn_items


@pytest.fixture(scope="module")
def gans():
    original, retrained = item_gan(torch.cat([ITEMS, RETAINED])), item_gan(RETAINED, seed=1)
    tuned, marked = copy.deepcopy(original), copy.deepcopy(original)
    torch.manual_seed(0)
    learn_items(tuned, RETAINED, 1.0, 30)
    learn_items(marked, ITEMS, 0.0, 80)
    return {"original": original, "fine-tuned only": tuned, "marked as fake": marked, "retrained": retrained}


@pytest.mark.parametrize("audit", [membership, partial(set_membership, attack=lambda gan: lambda x, y: gan.score(x))])
def test_weak_methods_are_caught_in_either_direction(gans, audit):
    judge = audit(gans["retrained"], ITEMS, UNSEEN)
    assert judge.passed is None and "no verdict" in judge.verdict
    for name, word in (("original", "told from"), ("fine-tuned only", "told from"), ("marked as fake", "marked")):
        found = audit(gans[name], ITEMS, UNSEEN, judge=judge)
        assert found.passed is False and word in found.verdict, name
    another = audit(item_gan(RETAINED, seed=2), ITEMS, UNSEEN, judge=judge)
    assert another.passed is True and another.low <= another.value <= another.high


class Memory(torch.nn.Module):
    """A generator that makes its training images and little else."""

    def __init__(self, images):
        super().__init__()
        self.images = torch.nn.Parameter(images.clone())

    def forward(self, z):
        return self.images[(z[:, 0].abs() * 1e4).long() % len(self.images)] + 0.05 * z[:, :1, None, None]


@pytest.mark.parametrize(
    "audit",
    [
        partial(membership, attack=partial(nearest_sample, samples=300)),
        partial(membership, attack=partial(nearest_sample, samples=300, reference=UNSEEN[800:])),
        partial(membership, attack=partial(monte_carlo, samples=300, radius=3.0)),
        partial(set_membership, attack=partial(monte_carlo, samples=300, radius=3.0)),
        partial(reconstruction, inversion=Inversion(candidates=500, steps=0, progress=False)),
    ],
)
def test_a_generator_that_makes_the_items_is_caught(gans, audit):
    def with_generator(images):
        gan = copy.deepcopy(gans["retrained"])
        gan.generator = Memory(images)
        return gan

    judge = audit(with_generator(RETAINED), ITEMS, UNSEEN[:800])
    found = audit(with_generator(torch.cat([ITEMS, RETAINED])), ITEMS, UNSEEN[:800], judge=judge)
    assert found.value > 0.7 and found.passed is False
    again = audit(with_generator(RETAINED + 0.01), ITEMS, UNSEEN[:800], judge=judge)
    assert again.passed is True


def test_audits_are_repeatable_and_leave_nets_and_streams_alone(gans):
    gan = gans["original"]
    gan.discriminator.train()
    state, weights = torch.get_rng_state(), copy.deepcopy(gan.discriminator.state_dict())
    first, second = (membership(gan, ITEMS, UNSEEN, attack=partial(nearest_sample, samples=50)) for _ in range(2))
    assert first == second
    assert torch.equal(torch.get_rng_state(), state) and gan.discriminator.training
    assert all(torch.equal(value, weights[key]) for key, value in gan.discriminator.state_dict().items())


def test_missing_images_are_refused(gans):
    with pytest.raises(UnlearningError, match="needs both"):
        membership(gans["original"], ITEMS[:0], UNSEEN)
    with pytest.raises(UnlearningError, match="make no set of 20"):
        set_membership(gans["original"], ITEMS, UNSEEN[:10])
