import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ignite_unlearn import UnlearningError
from ignite_unlearn.forget import ImageIndex, refuse_overlap


def images(n, seed, shape=(2, 5, 4)):
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@settings(deadline=None, max_examples=60)
@given(
    known=st.integers(1, 40),
    others=st.integers(0, 60),
    batch=st.integers(1, 30),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.float16]),
    seed=st.integers(0, 10**6),
)
def test_every_known_image_is_found_whatever_the_order_the_batching_and_the_dtype(known, others, batch, dtype, seed):
    everything = images(known + others, seed)
    index = ImageIndex(everything[:known])
    order = torch.randperm(len(everything), generator=torch.Generator().manual_seed(seed))
    found = torch.cat([index.find(part.to(dtype)) for part in everything[order].split(batch)])
    assert torch.equal(found, torch.where(order < known, order, -1))


@pytest.mark.cuda
def test_known_images_are_found_on_another_device():
    everything = images(30, 0)
    index = ImageIndex(everything[:10])
    found = index.find(everything.cuda())
    assert found.is_cuda and found.tolist() == [*range(10), *[-1] * 20]
    assert ImageIndex(everything[:10].cuda()).find(everything).tolist() == found.tolist()


def test_it_agrees_with_a_comparison_of_all_pairs_of_nearly_equal_images():
    base = images(20, 1)
    looked_up = torch.cat([base + 0.0005 * images(20, 2), base + 0.02 * images(20, 3), base.roll(1, -1)])
    index = ImageIndex(base)
    near = (looked_up[:, None] - base).flatten(2).abs().amax(2) <= index._tolerance
    expected = torch.where(near.any(1), near.to(torch.uint8).argmax(1), -1)
    assert torch.equal(index.find(looked_up), expected)
    assert (expected[:20] == torch.arange(20)).all() and (expected[40:] == -1).all()


def test_the_first_of_equal_images_is_named():
    twice = images(3, 0)[[0, 1, 0]]
    assert ImageIndex(twice).find(twice).tolist() == [0, 1, 0]


def test_black_images_and_other_shapes():
    black = torch.zeros(2, 1, 4, 4)
    assert ImageIndex(black[:1]).find(black).tolist() == [0, 0]
    assert ImageIndex(black).find(torch.zeros(3, 1, 5, 5)).tolist() == [-1] * 3


def test_unseen_images_that_were_trained_on_are_refused():
    trained = images(50, 0)
    refuse_overlap(images(20, 1), trained)
    with pytest.raises(UnlearningError, match=r"2 of 20 unseen images .* first at position 18"):
        refuse_overlap(torch.cat([images(18, 1), trained[[7, 3]]]), trained)


@pytest.mark.parametrize(
    ("given", "message"),
    [(torch.zeros(0, 1, 2, 2), "no images to be found"), (torch.full((1, 1, 2, 2), float("nan")), "of finite numbers")],
)
def test_what_cannot_be_looked_up_is_said(given, message):
    with pytest.raises(UnlearningError, match=message):
        ImageIndex(given)
