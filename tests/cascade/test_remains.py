import numpy as np
import pytest
import torch
from torch import nn

from ignite_unlearn import GAN, ForgetClasses, ForgetItems
from ignite_unlearn.cascade import OtherClass, RetainedNeighbour
from ignite_unlearn.cascade.expected import ExpectedPlace
from ignite_unlearn.cascade.remains import Remains
from ignite_unlearn.handlers.original import Original


class Table(nn.Module):
    """Shows of a latent and a label the label's row, a little changed by the latent."""

    def __init__(self):
        super().__init__()
        self.rows = nn.Embedding(3, 4)
        with torch.no_grad():
            self.rows.weight.copy_(torch.eye(3, 4))

    def forward(self, z, y):
        return (self.rows(y) + 0.05 * z).view(-1, 1, 2, 2)


class Likes(nn.Module):
    """Scores an image by how much of its label's row it shows."""

    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(3, 4), nn.Linear(1, 1)
        with torch.no_grad():
            self.embed.weight.copy_(torch.eye(3, 4))
            self.out.weight.fill_(1.0)

    def forward(self, x, y):
        return self.out((x.flatten(1) * self.embed(y)).sum(1, keepdim=True)).squeeze(1)


SHARES = (("left_share", 0.01), ("preferred_share", 0.1), ("forgotten_share", 0.01))


def of_classes(classifier=None):
    gan = GAN(Table(), Likes(), latents=(4,), labels=3)
    forget = ForgetClasses({2}, classifier=classifier)
    return gan, Remains(forget, Original(gan, forget, 0), OtherClass(target=0), None, ExpectedPlace(None, None))


def test_a_class_is_left_until_its_label_shows_the_substitute():
    gan, remains = of_classes(classifier=lambda images: images.flatten(1)[:, :3])
    assert remains and remains(gan) == {
        "left_share": 1.0, "preferred_share": 1.0, "forgotten_share": 1.0, "drift": pytest.approx(0, abs=0.02),
    }  # fmt: skip
    with torch.no_grad():
        gan.generator.rows.weight[2] = gan.generator.rows.weight[0]
    numbers = remains(gan)
    assert numbers["left_share"] == numbers["forgotten_share"] == 0 and numbers["preferred_share"] == 1
    with torch.no_grad():
        gan.discriminator.embed.weight[2] = gan.discriminator.embed.weight[0]
    assert remains(gan)["preferred_share"] == 0
    assert set(remains.at_most) == {*numbers} and remains.of_original["left_share"] == 1
    # Two standard deviations of counting 512 images where a hundredth, or a tenth, of them is left.
    counted = {name: np.random.default_rng(0).binomial(512, bound, 100_000).std() / 256 for name, bound in SHARES}
    assert remains.swing == pytest.approx({**counted, "drift": np.inf}, rel=0.02)


def test_a_label_that_keeps_what_it_shows_has_nothing_left():
    gan = GAN(Table(), Likes(), latents=(4,), labels=3)
    forget = ForgetClasses({1}).together_with({2})

    class Kept(OtherClass):  # label 2 was forgotten before: its substitute is what it shows, but for rounding
        def __call__(self, teacher, latents, labels, regions):
            own = teacher.sample(len(latents), labels, latents=latents)
            made = super().__call__(teacher, latents, labels, regions)
            return torch.where((labels == 2).view(-1, 1, 1, 1), own + 1e-7 * torch.randn_like(own), made)

    remains = Remains(forget, Original(gan, forget, 0), Kept(target=0), None, ExpectedPlace(None, None))
    assert remains.of_original == pytest.approx({"left_share": 0.5, "preferred_share": 0.5}, abs=0.1)
    with torch.no_grad():
        gan.generator.rows.weight[1] = gan.generator.rows.weight[0]
        gan.discriminator.embed.weight[1] = gan.discriminator.embed.weight[0]
    numbers = remains(gan)
    assert numbers["left_share"] == numbers["preferred_share"] == 0


def test_drift_is_the_distance_of_two_gaussians_over_the_teachers_variance():
    gan, remains = of_classes()
    with torch.no_grad():
        gan.generator.rows.weight[:2] += 0.3
    torch.manual_seed(3)
    found = remains(gan)["drift"]
    torch.manual_seed(3)
    regions = remains.original.regions
    latents = regions.forgotten(512)  # drawn before
    latents, labels = regions.retained(512)
    with torch.no_grad():
        shown = [
            (made.generator(latents, labels).flatten(1) * Likes().embed(labels)).sum(1).numpy()
            for made in (gan, remains.original.teacher)
        ]
    (now, was), root = shown, np.sqrt
    expected = ((now.mean() - was.mean()) ** 2 + (root(now.var(ddof=1)) - root(was.var(ddof=1))) ** 2) / was.var(ddof=1)
    assert found == pytest.approx(expected, rel=1e-3) and found > 1


class Walk(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(())), nn.Parameter(torch.zeros(()))

    def forward(self, z):
        return (self.scale * z + self.shift).view(-1, 1, 2, 2)


def test_items_are_measured_from_both_sides_by_scores_and_by_samples():
    netD = nn.Sequential(nn.Flatten(), nn.Linear(4, 1))
    with torch.no_grad():
        netD[1].weight.fill_(-1.0)
    gan = GAN(Walk(), netD, latents=(4,))
    items, unseen = torch.rand(20, 1, 2, 2), 3 + torch.rand(40, 1, 2, 2)
    expected, request = ExpectedPlace(None, None), ForgetItems(items)
    remains = Remains(request, Original(gan, request, 0), RetainedNeighbour(), (unseen, None), expected)
    numbers = remains(gan)
    assert numbers == {"near_auc": 1.0, "membership_auc": 1.0, "drift": pytest.approx(0, abs=0.02)}
    assert remains.at_least["membership_auc"] < 0.5 < remains.at_most["membership_auc"] < 0.65
    assert remains.at_least["near_auc"] == pytest.approx(1 - remains.at_most["near_auc"], abs=0.15)


@pytest.mark.parametrize("batch_size", [1, 24])
def test_no_more_images_are_held_at_once_than_in_an_unlearning_step(batch_size, monkeypatch):
    gan, remains = of_classes(classifier=lambda images: images.flatten(1)[:, :3])
    remains.batch_size, rows = batch_size, []
    for name in ("_made", "score"):
        of = getattr(GAN, name)
        monkeypatch.setattr(GAN, name, lambda gan, x, y=None, of=of: rows.append(len(x)) or of(gan, x, y))
    assert {*remains(gan)} == {"left_share", "preferred_share", "forgotten_share", "drift"}
    assert max(rows) == batch_size


def test_without_unseen_images_nothing_of_items_is_measured():
    gan = GAN(Walk(), nn.Sequential(nn.Flatten(), nn.Linear(4, 1)), latents=(4,))
    request = ForgetItems(torch.rand(3, 1, 2, 2))
    assert not Remains(request, Original(gan, request, 0), RetainedNeighbour(), None, ExpectedPlace(None, None))


@pytest.mark.parametrize(("n", "width"), [(4, 0.24), (64, 0.1)])
def test_the_lower_bound_of_few_items_is_as_wide_as_chance(n, width):
    gan = GAN(Walk(), nn.Sequential(nn.Flatten(), nn.Linear(4, 1)), latents=(4,))
    images = torch.randn(n + 400, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    unseen, request = images[n:], ForgetItems(images[:n])
    expected = ExpectedPlace(images[:n], (unseen, None))
    expected.see(torch.zeros(1, 1, 2, 2) + 9)
    remains = Remains(request, Original(gan, request, 0), RetainedNeighbour(), (unseen, None), expected)
    level = remains.at_most["membership_auc"] - 0.05
    assert level - remains.at_least["membership_auc"] == pytest.approx(width, abs=0.08 if n == 4 else 1e-9)
