import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu
from torch import nn

from ignite_unlearn import GAN
from ignite_unlearn.cascade.expected import ExpectedPlace


def images(n, level=0.0):
    return level + torch.randn(n, 1, 4, 4)


def distance(images, retained):
    return torch.cdist(images.flatten(1), retained.flatten(1)).amin(1)


def test_one_half_is_expected_of_items_that_are_drawn_as_unseen_images_are():
    torch.manual_seed(0)
    unseen, retained = images(300), images(50)
    expected = ExpectedPlace(images(300), (unseen, None))
    expected.see(retained)
    assert expected.auc(-distance(unseen, retained)) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(("level", "low", "high"), [(1.0, 0.95, 1.0), (6.0, 0.0, 0.05)])
def test_more_is_expected_of_items_near_to_retained_images_and_less_of_those_far_off(level, low, high):
    torch.manual_seed(0)
    unseen, retained = images(50, 3.0), images(20)
    expected = ExpectedPlace(images(20, level), (unseen, None))
    expected.see(retained)
    assert low <= expected.auc(-distance(unseen, retained)) <= high
    # A number that has nothing to do with the distance says nothing about items.
    assert expected.auc(torch.randn(50)) == pytest.approx(0.5, abs=0.25)


@pytest.mark.parametrize("n", [1, 4, 8, 64])
def test_chance_is_what_the_rank_sum_of_as_many_images_lies_within(n):
    torch.manual_seed(0)
    unseen, retained, values = images(400), images(50), torch.randn(400)
    expected = ExpectedPlace(images(n), (unseen, None))
    expected.see(retained)
    sums = [mannwhitneyu(draw, values.numpy()).statistic for draw in np.random.default_rng(0).normal(size=(2000, n))]
    assert expected.chance(values) == pytest.approx(np.quantile(sums, [0.05, 0.95]) / (n * 400), abs=0.05)


def test_the_line_is_that_of_least_squares():
    torch.manual_seed(0)
    items, unseen, retained = images(4), images(60), images(30)
    expected, values = ExpectedPlace(items, (unseen, None)), torch.randn(60)
    expected.see(retained)
    slope, level = np.polyfit(distance(unseen, retained).numpy(), values.numpy(), 1)
    of_items, of_unseen = expected.given(values)
    torch.testing.assert_close(of_items, slope * distance(items, retained) + level, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(of_unseen, slope * distance(unseen, retained) + level, rtol=1e-3, atol=1e-4)


def test_what_was_seen_in_batches_counts_as_seen_at_once_and_a_state_holds_no_image():
    items, unseen, retained = images(5), images(9), images(64)
    whole, parts, values = ExpectedPlace(items, (unseen, None)), ExpectedPlace(items, (unseen, None)), torch.randn(9)
    whole.see(retained)
    for part in retained.split(10):
        parts.see(part)
    assert parts.auc(values) == whole.auc(values)
    gan = GAN(nn.Linear(2, 16), nn.Sequential(nn.Flatten(), nn.Linear(16, 1)), latents=(2,))
    whole.ask(gan)
    other = ExpectedPlace(items, (unseen, None))
    other.load_state_dict(whole.state_dict())
    assert other.auc(values) == whole.auc(values) and other.level() == whole.level() == whole.auc(whole.scores)
    held = [*whole.state_dict()["nearest"], whole.state_dict()["scores"]]
    assert [tuple(numbers.shape) for numbers in held] == [(5,), (9,), (9,)]


def test_a_phase_is_led_to_no_more_than_the_original_knew():
    torch.manual_seed(0)
    unseen, retained = images(50, 3.0), images(20)
    expected = ExpectedPlace(images(20, 1.0), (unseen, None))
    expected.see(retained)
    expected.scores = -distance(unseen, retained)
    assert expected.level() > 0.9
    expected.of_original = 0.4
    assert expected.level() == 0.4


def test_before_a_retained_image_was_seen_the_mean_is_expected():
    items, of_unseen = ExpectedPlace(images(2), (images(7), None)).given(torch.arange(7.0))
    assert items.tolist() == [3.0] * 2 and of_unseen.tolist() == [3.0] * 7


def test_without_items_or_unseen_images_it_is_one_half():
    for expected in (ExpectedPlace(None, (images(3), None)), ExpectedPlace(images(3), None)):
        expected.see(images(4))
        assert expected.auc(torch.randn(3)) == expected.level() == 0.5 and expected.chance(torch.randn(3)) == (0.5, 0.5)


def test_a_conditional_discriminator_is_not_asked_about_images_without_labels():
    gan = GAN(nn.Embedding(3, 16), nn.Flatten(), latents=(16,), labels=3)
    expected = ExpectedPlace(images(3), (images(4), None))
    expected.ask(gan)
    assert expected.scores is None and expected.level() == 0.5
