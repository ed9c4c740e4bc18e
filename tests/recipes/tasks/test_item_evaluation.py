"""What a record tells of a GAN that is to forget items, on GANs whose memory is known."""

import pytest
import torch
from torch import nn

from ignite_unlearn import GAN
from ignite_unlearn.metrics.membership import auc
from ignite_unlearn.recipes.data import ImageData, Split
from ignite_unlearn.recipes.tasks.item_evaluation import ItemEvaluation


class Shows(nn.Module):
    """Makes each of some images equally often, a little changed."""

    def __init__(self, images):
        super().__init__()
        self.register_buffer("images", images)
        self.noise = nn.Parameter(torch.tensor(0.1))

    def forward(self, latents):
        chosen = (latents[:, 0].abs() * 1000).long() % len(self.images)
        return self.images[chosen] + self.noise * latents[:, 1].view(-1, 1, 1, 1)


@pytest.fixture(scope="module")
def split():
    stream = torch.Generator().manual_seed(0)
    images, unseen = (torch.rand(n, 1, 4, 4, generator=stream) for n in (20, 100))
    labels = torch.zeros(100, dtype=torch.int64)
    forgotten = torch.arange(20) < 5
    data = ImageData("noise", images, labels[:20], unseen, labels, 1)
    return Split(data, forgotten, forgotten, (unseen[:50], labels[:50]), (unseen[50:], labels[50:]), False)


def of(split, images):
    gan = GAN(Shows(images), nn.Sequential(nn.Flatten(), nn.Linear(16, 1)), latents=(2,))
    return ItemEvaluation(None, split, samples=10, seed=1).nearness(gan), gan


def test_a_generator_that_shows_all_its_images_is_told_by_nearness(split):
    found, _ = of(split, split.data.images)
    assert found["near_auc"] > 0.99 and found["retained_near_auc"] > 0.99


def test_of_one_that_shows_the_others_only_the_others_are_told(split):
    found, _ = of(split, split.retain[0])
    assert found["retained_near_auc"] > 0.99 and found["near_auc"] < 0.8
    assert found["near_auc_low"] <= found["near_auc"] <= found["near_auc_high"]


def test_nearness_is_the_auc_of_the_distance_to_the_nearest_of_six_thousand_samples(split):
    found, gan = of(split, split.data.unseen[:50])
    torch.manual_seed(1)
    made = gan.generator(torch.randn(6000, 2)).flatten(1).detach().double()
    items, unseen = (
        -torch.stack([(made - image).square().sum(1).sqrt().min() for image in images.flatten(1).double()])
        for images in (split.forget[0], split.scoring[0])
    )
    assert found["near_auc"] == pytest.approx(auc(items, unseen))


def test_many_retained_images_are_looked_at_by_a_spread_of_theirs(split, monkeypatch):
    whole, _ = of(split, split.data.images)
    monkeypatch.setattr("ignite_unlearn.recipes.tasks.item_evaluation._RETAINED", 3)
    some, _ = of(split, split.data.images[[5, 12, 19]])  # the first, the middle and the last of those retained
    assert some["retained_near_auc"] > 0.99 and whole["retained_near_auc"] > 0.99


def test_the_random_streams_and_the_nets_are_left_as_they_were(split):
    torch.manual_seed(3)
    _, gan = of(split, split.data.images)
    gan.generator.train()
    before = torch.get_rng_state()
    ItemEvaluation(None, split, samples=10, seed=1).nearness(gan)
    assert torch.equal(torch.get_rng_state(), before) and gan.generator.training
