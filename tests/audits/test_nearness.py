import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, interpolate

from ignite_unlearn import GAN, UnlearningError
from ignite_unlearn.audits.nearness import too_near


def pictures(n, seed):
    """Smooth random pictures, whose correlations vary as those of real images do."""
    coarse = torch.randn(n, 1, 4, 4, generator=torch.Generator().manual_seed(seed))
    fine = torch.randn(n, 1, 16, 16, generator=torch.Generator().manual_seed(seed + 1))
    return (interpolate(coarse, 16, mode="bilinear") + 0.3 * fine).tanh()


ITEMS = pictures(10, seed=0)


def memorised():
    """A GAN whose generator can do nothing but draw the items."""
    netG = nn.Sequential(nn.Linear(10, 256, bias=False), nn.Unflatten(1, (1, 16, 16)))
    netG[0].weight.data = ITEMS.flatten(1).T.clone()
    one_of_ten = lambda n: torch.eye(10)[torch.randint(10, (n,))]  # noqa: E731
    return GAN(netG, nn.Linear(256, 1), latents=one_of_ten)


def test_samples_of_a_generator_that_memorises_are_all_caught():
    samples = memorised().sample(64)
    assert max(np.corrcoef(samples[0].flatten(), item.flatten())[0, 1] for item in ITEMS) == pytest.approx(1)
    for unseen in (pictures(2000, seed=2), pictures(100, seed=2), pictures(20, seed=2), pictures(0, seed=2)):
        assert too_near(samples, ITEMS, unseen).all()
        assert not len(unseen) or too_near(samples + 0.1 * torch.randn(samples.shape), ITEMS, unseen).all()


@pytest.mark.parametrize(
    "change",
    [
        lambda x: 0.3 * x + 0.6, lambda x: -x, lambda x: x.flip(3), lambda x: x.half(),
        lambda x: x + 0.1 * torch.randn(x.shape), lambda x: interpolate(avg_pool2d(x, 2), 16), lambda x: x.roll(1, 0),
    ],
    ids=["brightness and contrast", "negative", "mirrored", "half", "noise", "blurred", "order"],
)  # fmt: skip
def test_an_item_is_caught_whatever_was_done_to_it(change):
    assert too_near(change(ITEMS), ITEMS, pictures(1000, seed=2)).all()


@pytest.mark.parametrize("calibration", [5000, 500, 50, 10])
def test_unseen_images_are_almost_never_too_near(calibration):
    caught = [too_near(pictures(3000, seed=s), ITEMS, pictures(calibration, seed=s + 2)) for s in (100, 200, 300)]
    assert torch.stack(caught).float().mean() < (0.003 if calibration >= 50 else 0.01)


def test_at_most_one_in_a_thousand_of_the_unseen_images_themselves():
    for n in (10, 999, 1000, 3500):
        unseen = pictures(n, seed=4)
        assert int(too_near(unseen, ITEMS, unseen).sum()) <= n // 1000


def test_an_item_among_the_unseen_images_hides_no_copy():
    unseen = torch.cat([pictures(100, seed=2), ITEMS])
    assert too_near(ITEMS, ITEMS, unseen).all()


def test_digits_that_a_retrained_generator_could_draw_are_shown():
    from sklearn.datasets import load_digits

    images = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 8 - 1
    images = images[torch.randperm(len(images), generator=torch.Generator().manual_seed(0))]
    items, unseen, fresh = images[:16], images[16:1200], images[1200:]
    assert too_near(fresh, items, unseen).float().mean() < 0.01
    assert too_near(0.8 * items + 0.1, items, unseen).all()


def test_nothing_is_too_near_to_nothing_and_other_shapes_are_refused():
    assert too_near(ITEMS, ITEMS[:0], ITEMS).tolist() == [False] * 10
    assert too_near(ITEMS[:0], ITEMS, ITEMS).tolist() == []
    assert not too_near(torch.ones(2, 1, 16, 16), ITEMS, pictures(50, seed=2)).any()
    with pytest.raises(UnlearningError, match=r"samples have shape \(1, 4, 4\)"):
        too_near(torch.zeros(1, 1, 4, 4), ITEMS, ITEMS)
