import pytest
import torch
from torch import nn

from ignite_unlearn import GAN, ForgetItems, UnlearningError
from ignite_unlearn.forget import LatentSearch
from ignite_unlearn.forget.latent_search import Nearness
from tests.forget.test_found_regions import Elsewhere


class Walk(nn.Module):
    """Makes of a latent an image that tells it, whatever the label."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, z, y=None):
        z = self.scale * z
        return torch.cat([z, z], 1).view(-1, 1, 2, 2)


class OneSide(nn.Module):
    """Throws latents with a negative first number far away."""

    def forward(self, z):
        return torch.where(z[:, :1] > 0, z, 50.0)


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
    assert apart[:200].max() <= regions.borders and apart.max() <= 1.4 * regions.borders
    assert far.min() >= 1.5 * regions.borders
    # As many as there are by another count: of a fine grid, weighted with the latents' density.
    axis = torch.linspace(-4, 4, 401)
    grid = torch.cartesian_prod(axis, axis)
    weight = torch.exp(-grid.square().sum(1) / 2)
    near = (gan().generate(grid, None) - item).flatten(1).norm(dim=1) < regions.borders
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


class Wide(nn.Module):
    """Makes large images."""

    def __init__(self, pixels):
        super().__init__()
        self.pixels, self.scale = pixels, nn.Parameter(torch.ones(1))

    def forward(self, z):
        return (self.scale * z[:, :1]).expand(-1, self.pixels).reshape(len(z), 1, 1, -1)


@pytest.mark.parametrize(("pixels", "most"), [(28 * 28, 2048), (3 * 64 * 64, 170), (3 * 1024 * 1024, 1)])
def test_of_large_images_fewer_are_held_at_once(pixels, most, monkeypatch):
    one, held, sample = torch.randn(1, 1, 1, pixels), [], GAN.sample
    monkeypatch.setattr(GAN, "sample", lambda of, n, *given, **named: held.append(n) or sample(of, n, *given, **named))
    draws = min(3 * most, 2100)
    LatentSearch(draws=draws).nearness(GAN(Wide(pixels), nn.Flatten(), latents=(2,)), one, None, one)
    assert max(held) == most and sum(held) == draws


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


class Line:
    """Expects of items what is given, and of unseen images nothing but zero."""

    def __init__(self, *of_items):
        self.of_items = torch.tensor(of_items)

    def of(self, unseen):
        return self

    def given(self, values):
        return self.of_items, torch.zeros_like(values)


def looked(*apart, unseen):
    return Nearness(torch.zeros(1, 2), None, torch.tensor([apart]), unseen)


def test_items_are_known_as_a_whole_where_they_come_nearer_than_is_expected_and_else_one_by_one():
    unseen = torch.linspace(0, 1, 101)
    assert looked(0.2, 0.25, 0.3, unseen=unseen).borders()[1].all()
    # Just as near, but no nearer than images like these are made by chance.
    assert not looked(0.2, 0.25, 0.3, unseen=unseen).borders(Line(-0.2, -0.25, -0.4))[1].any()
    assert looked(-1.0, 0.8, 0.9, unseen=unseen).borders()[1].tolist() == [True, False, False]


def test_an_item_that_is_made_no_nearer_than_the_middle_unseen_image_marks_no_latents():
    unseen = torch.linspace(0, 1, 101)
    assert looked(0.0, 0.01, 0.02, 0.49, 0.51, 2.0, unseen=unseen).borders()[1].tolist() == [True] * 4 + [False] * 2
    # Beside what is expected of each.
    beside = Line(0.0, 0.1, -0.4, -0.6)
    assert looked(0.0, 0.0, 0.0, 0.0, unseen=unseen).borders(beside)[1].tolist() == [True] * 3 + [False]


def test_items_kept_outside_of_their_borders_are_spread_as_unseen_images_are():
    torch.manual_seed(0)
    unseen, expected = torch.rand(400).square(), Line(*torch.rand(60).tolist())
    near = Nearness(torch.zeros(1, 2), None, 0.01 * torch.rand(1, 60), unseen)
    borders, known = near.borders(expected)
    left = borders - expected.of_items
    assert known.all() and (left.argsort() == (near.apart[0] - expected.of_items).argsort()).all()
    quantiles = torch.linspace(0.05, 0.95, 19)
    torch.testing.assert_close(left.quantile(quantiles), unseen.quantile(quantiles), atol=0.03, rtol=0)


def test_an_item_that_is_made_no_more_rests_and_what_was_found_is_forgotten_when_it_is_made_again():
    torch.manual_seed(0)
    teacher, away = gan(), gan()
    items, unseen = teacher.sample(6) + 0.001, teacher.sample(100) + 0.3 * torch.randn(100, 1, 2, 2)
    regions = LatentSearch(draws=400)(teacher, items, None, unseen)
    assert regions.found > 0 and len(regions.forgotten(5)[0]) == 5
    away.generator.scale.data.fill_(0.0)
    regions.look_again(away)  # its images are all alike, and far from all items
    assert regions.found == 0 and len(regions.forgotten(5)[0]) == 0
    away.generator.scale.data.fill_(-1.0)  # makes each item on the other side
    regions.look_again(away)
    made = away.sample(2000, latents=regions.forgotten(2000)[0]).flatten(1)
    near = (torch.cdist(made, items.flatten(1)) < regions.borders).any(1).double().mean()
    assert regions.found > 0 and near > 0.3


def test_the_latents_of_an_item_that_rests_are_not_forgotten_with_those_of_another():
    torch.manual_seed(0)
    teacher = gan()
    items = teacher.generate(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), None)
    regions = LatentSearch(draws=3000)(teacher, items, None, torch.randn(40, 1, 2, 2))
    half = gan()
    half.generator = nn.Sequential(OneSide(), half.generator)
    assert (regions.forgotten(2000)[0][:, 0] < 0).double().mean() > 0.2
    regions.look_again(half)  # makes the first alone
    latents = regions.forgotten(2000)[0]
    assert len(latents) == 2000 and (latents[:, 0] < 0).double().mean() < 0.05


def test_with_more_retained_images_seen_less_is_forgotten_around_an_item_that_lies_near_to_them():
    torch.manual_seed(0)
    teacher = gan()
    items, unseen = teacher.sample(6) + 0.001, teacher.sample(100) + 0.3 * torch.randn(100, 1, 2, 2)
    regions = LatentSearch(draws=400)(teacher, items, None, unseen)
    before = regions.borders.clone()
    regions.look_again(teacher, Line(*[-10.0] * 6))
    assert before.isfinite().all() and regions.borders.max() < 0 and len(regions.forgotten(5)[0]) == 0
    assert len(regions.retained(5)[0]) == 5


def test_retained_are_at_least_half_of_the_latents_that_make_no_item_and_substitutes_the_farthest_tenth():
    torch.manual_seed(0)
    item, unseen = gan().generate(torch.zeros(1, 2), None), torch.zeros(8, 1, 2, 2)
    unseen[:, 0, 0] = torch.linspace(0.9, 1.1, 8)[:, None]  # so that most latents are near to the item
    regions = LatentSearch(draws=2000, margin=9.0)(gan(), item, None, unseen)
    apart = regions._first.apart[:, 0].detach()
    outside = apart[apart >= regions.borders]
    assert outside.max() < 9 * regions.borders  # none is as far as was asked
    for drawn, share in ((regions.retained, 0.5), (regions.substitutes, 0.1)):
        far = (gan().generate(drawn(6000)[0], None) - item).flatten(1).norm(dim=1).detach()
        assert far.min() >= outside.quantile(1 - share) and far.max() == pytest.approx(float(outside.max()))
        assert len(torch.unique(far)) == pytest.approx(share * len(outside), rel=0.02)


def test_where_enough_latents_are_far_from_items_retained_and_substitutes_are_the_same_ones():
    torch.manual_seed(0)
    item, unseen = gan().generate(torch.zeros(1, 2), None), torch.zeros(8, 1, 2, 2)
    unseen[:, 0, 0] = torch.linspace(0.3, 0.4, 8)[:, None]
    regions = LatentSearch(draws=400, margin=1.5)(gan(), item, None, unseen)
    retained, substitutes = (torch.unique(drawn(20000)[0], dim=0) for drawn in (regions.retained, regions.substitutes))
    assert torch.equal(retained, substitutes) and 300 < len(retained) < 400


@pytest.mark.parametrize("without", [1, 2, 5])
def test_each_label_has_retained_latents_and_substitutes_of_its_own(without):
    torch.manual_seed(0)
    conditional, labels = gan(labels=10), torch.arange(10 - without)
    items, unseen = conditional.generate(torch.zeros(len(labels), 2), labels), torch.zeros(8, 1, 2, 2)
    unseen[:, 0, 0] = torch.linspace(0.9, 1.1, 8)[:, None]
    regions = LatentSearch(draws=4000, margin=9.0)(conditional, items, labels, unseen)
    for drawn, share in ((regions.retained, 0.5), (regions.substitutes, 0.1)):
        latents, asked = drawn(20000)
        for label in labels:
            own = regions._first[regions._first.labels == label].apart[:, label].detach()
            outside = own[own >= regions.borders[label]]
            found = torch.unique(latents[asked == label], dim=0)
            apart = (conditional.generate(found, None) - items[label]).flatten(1).norm(dim=1)
            assert len(found) == pytest.approx(share * len(outside), abs=2) and apart.min() >= regions.borders[label]


def test_a_state_that_was_read_to_another_device_is_moved_to_the_gans():
    torch.manual_seed(0)
    unseen, item = torch.randn(40, 1, 2, 2), gan().generate(torch.tensor([[0.3, -0.4]]), None)
    regions, again = (LatentSearch(draws=500)(gan(), item, None, unseen) for _ in range(2))
    state = {name: Elsewhere(t) if torch.is_tensor(t) else t for name, t in regions.state_dict().items()}
    again.load_state_dict(state)
    assert torch.equal(again.borders, regions.borders) and again.forgotten(5)[0].shape == (5, 2)
