import pytest
import torch
from torch import nn

from ignite_unlearn import GAN, ForgetItems, UnlearningError
from ignite_unlearn.forget import LatentSearch
from ignite_unlearn.forget.latent_search import Nearness


class Walk(nn.Module):
    """Makes of a latent an image that tells it, whatever the label."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, z, y=None):
        z = self.scale * z
        return torch.cat([z, z], 1).view(-1, 1, 2, 2)


def gan(labels=None):
    return GAN(Walk(), nn.Flatten(), latents=(2,), labels=labels)


def test_the_latents_found_make_the_item_and_those_retained_are_far_from_it():
    torch.manual_seed(0)
    unseen = torch.randn(40, 1, 2, 2)  # off the plane of what is made, so the generator never comes quite near
    item = gan().generate(torch.tensor([[0.3, -0.4]]), None)
    regions = LatentSearch(draws=3000, margin=1.5)(gan(), item, None, unseen)
    latents, _ = regions.forgotten(400)
    apart = (gan().generate(latents, None) - item).flatten(1).norm(dim=1)
    far = (gan().generate(regions.retained(400)[0], None) - item).flatten(1).norm(dim=1)
    # The second half of the latents found are turned by up to a tenth of a radian.
    assert apart[:200].max() <= regions.border and apart.max() <= 1.4 * regions.border
    assert far.min() >= 1.5 * regions.border
    # As many as there are by another count: of a fine grid, weighted with the latents' density.
    axis = torch.linspace(-4, 4, 401)
    grid = torch.cartesian_prod(axis, axis)
    weight = torch.exp(-grid.square().sum(1) / 2)
    near = (gan().generate(grid, None) - item).flatten(1).norm(dim=1) < regions.border
    assert regions.found / 3000 == pytest.approx(float(weight[near].sum() / weight.sum()), abs=0.02)


def test_with_labels_an_item_is_looked_for_under_its_own():
    torch.manual_seed(1)
    conditional = gan(labels=3)
    item = conditional.generate(torch.zeros(1, 2), torch.tensor([1]))
    forget = ForgetItems(item, torch.tensor([1]), unseen=torch.randn(16, 1, 2, 2), search=LatentSearch(draws=2000))
    regions = forget.regions(conditional)
    _, labels = regions.forgotten(50)
    assert labels.tolist() == [1] * 50
    assert set(regions.retained(300)[1].tolist()) == {0, 1, 2}


def test_what_the_generator_does_not_make_is_left_to_the_loop():
    torch.manual_seed(2)
    regions = LatentSearch(draws=500)(gan(), torch.full((2, 1, 2, 2), 40.0), None, torch.randn(16, 1, 2, 2))
    assert regions.found == 0 and len(regions.forgotten(8)[0]) == 0
    assert len(regions.retained(8)[0]) == 8


def test_a_look_before_a_run_draws_few_latents():
    forget = ForgetItems(torch.zeros(1, 1, 2, 2), unseen=torch.randn(8, 1, 2, 2), search=LatentSearch(draws=9000))
    assert forget.trial(4).search.draws <= 256 and forget.search.draws == 9000


def test_what_does_not_fit_is_said_in_a_sentence():
    images = torch.zeros(1, 1, 2, 2)
    with pytest.raises(UnlearningError, match=r"margin=0\.5"):
        LatentSearch(margin=0.5)
    with pytest.raises(UnlearningError, match="needs unseen images"):
        ForgetItems(images, search=LatentSearch())
    with pytest.raises(UnlearningError, match="Images of all 50 latents drawn"):
        LatentSearch(draws=50)(gan(), images, None, torch.full((8, 1, 2, 2), 90.0))


def test_items_are_known_as_a_whole_above_what_is_expected_of_them_and_else_one_by_one():
    unseen, items = torch.linspace(0, 1, 101), torch.tensor([[0.2, 0.25, 0.3]])
    looked = Nearness(torch.zeros(1, 2), None, items, unseen)
    assert looked.known().all() and looked.known(0.65).all()  # their AUC is 0.75
    assert not looked.known(0.72).any()
    alone = Nearness(torch.zeros(1, 2), None, torch.tensor([[-1.0, 0.5, 0.9]]), unseen)
    assert alone.known(0.9).tolist() == [True, False, False]


def test_nothing_is_forgotten_while_the_generator_makes_no_item_and_all_that_was_found_when_it_does_again():
    torch.manual_seed(0)
    teacher, away = gan(), gan()
    away.generator.scale.data.fill_(0.0)
    items, unseen = teacher.sample(6) + 0.001, teacher.sample(100) + 0.3 * torch.randn(100, 1, 2, 2)
    regions = LatentSearch(draws=400)(teacher, items, None, unseen)
    found = regions.found
    assert found > 0 and len(regions.forgotten(5)[0]) == 5
    regions.look_again(away, expected=1.0)
    assert regions.found == 0 and len(regions.forgotten(5)[0]) == 0
    regions.look_again(teacher)
    assert regions.found > 0 and len(regions.forgotten(5)[0]) == 5
