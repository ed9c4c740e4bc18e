import pytest
import torch

from ignite_unlearn import GAN, UnlearningError
from ignite_unlearn.audits import CloserToRetrained, DistanceToItems
from tests.audits.gans import CLASSES, ITEMS, RETAINED, class_gan

ITEM = ITEMS[:6]


class Memory(torch.nn.Module):
    """A generator that makes its training images, more or less sharply and each at another brightness, by the seed."""

    def __init__(self, images, seed):
        super().__init__()
        stream = torch.Generator().manual_seed(seed)
        self.images = torch.nn.Parameter(images + 0.3 * torch.randn(images.shape, generator=stream))
        self.blur = 0.3 + 0.2 * float(torch.rand((), generator=stream))

    def forward(self, z):
        chosen = self.images[(z[:, 0].abs() * 1e4).long() % len(self.images)]
        return chosen + self.blur * z[:, 1:].view(-1, 1, 8, 8)


def gan(images, seed):
    return GAN(Memory(images, seed), torch.nn.Linear(64, 1), latents=(65,))


@pytest.fixture(scope="module")
def gans():
    """The unlearned GAN is the original, of the original's seed, but for the items."""
    return {
        "original": gan(torch.cat([RETAINED, ITEM]), 0),
        "unlearned": gan(RETAINED, 0),
        "retrained": gan(RETAINED, 1),
        "second": gan(RETAINED, 2),
    }


def audit(gans, features, **options):
    return CloserToRetrained(gans["original"], gans["retrained"], features, **{"samples": 800, **options})


def test_near_the_items_the_original_fails_and_what_differs_from_it_by_the_items_alone_passes(gans):
    for options in ({}, {"second": gans["second"]}):
        asked = audit(gans, DistanceToItems(ITEM), **options)
        beside = asked(gans["retrained"])
        assert beside.passed is None and "no verdict without a retrained GAN" in beside.verdict
        original, unlearned = (asked(gans[name], retrained=beside) for name in ("original", "unlearned"))
        assert original.passed is False and "closer to the original" in original.verdict
        assert unlearned.passed is True and "closer to the retrained" in unlearned.verdict
    assert unlearned.details["floor_low"] <= unlearned.details["floor"] <= unlearned.details["floor_high"] < 0


def test_over_whole_images_seeds_differ_by_more_than_an_item_does(gans):
    original = gan(torch.cat([RETAINED, ITEM[:1]]), 0)
    asked = CloserToRetrained(original, gans["retrained"], torch.nn.Flatten(), samples=800)
    assert asked(gans["unlearned"], retrained=asked(gans["retrained"])).passed is False


def test_where_a_second_retrained_gan_is_not_closer_either_there_is_no_verdict(gans):
    same = gan(torch.cat([RETAINED, ITEM]), 3)
    asked = audit(gans, DistanceToItems(ITEM), second=same)
    found = asked(gans["original"], retrained=asked(gans["retrained"]))
    assert found.passed is None and "a retrained GAN is not found closer" in found.verdict


class Either(torch.nn.Module):
    def __init__(self, one, other):
        super().__init__()
        self.one, self.other = one, other

    def forward(self, z):
        return torch.where((z[:, 1] > 0)[:, None, None, None], self.one(z), self.other(z))


def test_halfway_there_is_no_verdict(gans):
    half = GAN(Either(gans["original"].generator, gans["retrained"].generator), torch.nn.Linear(64, 1), latents=(65,))
    asked = audit(gans, DistanceToItems(ITEM))
    found = asked(half, retrained=asked(gans["retrained"]))
    assert found.passed is None and found.low < 0 < found.high and "between both" in found.verdict


def test_a_class_is_asked_for_by_its_label():
    original, retrained = class_gan(range(CLASSES), steps=60), class_gan(range(3), seed=1, steps=60)

    def apart(label):
        asked = CloserToRetrained(original, retrained, torch.nn.Flatten(), labels=torch.tensor([label]), samples=200)
        return asked(original, retrained=asked(retrained))

    assert apart(3).passed is False and apart(3).value > 5 * apart(0).value


def test_distances_are_to_the_nearest_item_in_the_features_given():
    images = torch.arange(3.0).view(3, 1, 1, 1)
    near = DistanceToItems(images[[0, 2]] + 0.25, features=lambda x: 2 * x)
    assert near(images).tolist() == [[0.5], [1.5], [0.5]]
    with pytest.raises(UnlearningError, match="no items"):
        DistanceToItems(images[:0])
