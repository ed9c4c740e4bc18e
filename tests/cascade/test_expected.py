import pytest
import torch

from ignite_unlearn.cascade.expected import ExpectedPlace


def images(n, level=0.0):
    return level + torch.randn(n, 1, 4, 4)


def test_one_half_is_expected_of_items_that_are_drawn_as_unseen_images_are():
    expected = ExpectedPlace(images(300), images(300))
    expected.see(images(50))
    assert expected.value == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(("level", "low", "high"), [(0.0, 0.8, 0.85), (6.0, 0.15, 0.2)])
def test_more_is_expected_of_items_near_to_retained_images_and_less_of_those_far_off(level, low, high):
    expected = ExpectedPlace(images(20, level), images(50, 3.0))
    expected.see(images(20))
    assert low <= expected.value <= high


def test_what_was_seen_in_batches_counts_as_seen_at_once_and_a_state_holds_no_image():
    items, unseen, retained = images(5), images(9), images(64)
    whole, parts = ExpectedPlace(items, unseen), ExpectedPlace(items, unseen)
    whole.see(retained)
    for part in retained.split(10):
        parts.see(part)
    assert parts.value == whole.value
    other = ExpectedPlace(items, unseen)
    other.load_state_dict(whole.state_dict())
    assert other.value == whole.value
    assert [tuple(distances.shape) for distances in whole.state_dict()["nearest"]] == [(5,), (9,)]


def test_without_items_or_unseen_images_it_is_one_half():
    for expected in (ExpectedPlace(None, images(3)), ExpectedPlace(images(3), None)):
        expected.see(images(4))
        assert expected.value == 0.5
