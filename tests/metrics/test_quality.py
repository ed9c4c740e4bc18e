import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from torch import nn

from ignite_unlearn import UnlearningError
from ignite_unlearn.metrics.classes import PUL
from ignite_unlearn.metrics.coverage import density_and_coverage
from ignite_unlearn.metrics.downstream import downstream_accuracy
from ignite_unlearn.metrics.intervals import wilson


@pytest.mark.parametrize(("hits", "trials"), [(0, 20), (20, 20), (7, 50), (1, 1), (499, 1000)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_wilson_equals_scipys(hits, trials, level):
    theirs = binomtest(hits, trials).proportion_ci(level, method="wilson")
    assert wilson(hits, trials, level=level) == pytest.approx((theirs.low, theirs.high))


def test_density_and_coverage_equal_their_definition():
    random = np.random.default_rng(0)
    real, made = random.normal(size=(40, 3)), random.normal(size=(30, 3)) + 0.5
    k = 3
    radii = [np.sort(np.linalg.norm(real - x, axis=1))[k] for x in real]
    inside = [[np.linalg.norm(y - x) < r for x, r in zip(real, radii, strict=True)] for y in made]
    assert density_and_coverage(made, real, k=k) == pytest.approx((np.sum(inside) / (k * 30), np.any(inside, 0).mean()))


def test_a_gan_that_makes_one_image_has_density_and_no_coverage():
    real = np.random.default_rng(0).normal(size=(300, 2))
    density, coverage = density_and_coverage(np.zeros((300, 2)), real)
    assert density > 1 and coverage < 0.1
    far, none = density_and_coverage(np.full((300, 2), 99.0), real)
    assert far == none == 0


def test_pul_counts_what_became_fewer():
    images = torch.eye(3)
    pul = PUL(nn.Identity(), {0, 1}, original_share=2 / 3)
    pul.update(images)
    assert pul.compute() == pytest.approx(0)
    pul.update(images[[2, 2, 2]])
    assert pul.compute() == pytest.approx(50)
    more = PUL(nn.Identity(), {0}, original_share=0.25)
    more.update(images[[0, 2]])
    assert more.compute() == pytest.approx(-100)
    with pytest.raises(UnlearningError, match="nothing to unlearn"):
        PUL(nn.Identity(), {0}, original_share=0)


def test_downstream_accuracy_tells_good_images_from_noise_and_leaves_the_streams_alone():
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(200) % 2
    images = torch.randn(200, 8, generator=random) + 4 * labels[:, None] - 2
    noise = torch.randn(200, 8, generator=random)
    state = torch.get_rng_state()

    def accuracy(made):
        return downstream_accuracy(
            (made, labels), (images, labels), lambda: nn.Linear(8, 2), epochs=150, progress=False
        )

    good = accuracy(images)
    assert good > 0.95 and accuracy(noise) < 0.8 and accuracy(images) == good
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    "call",
    [
        lambda: density_and_coverage(np.zeros((2, 2)), np.zeros((5, 2))),
        lambda: wilson(3, 2),
        lambda: downstream_accuracy(
            (torch.zeros(0, 2), torch.zeros(0)), (torch.zeros(1, 2), torch.zeros(1)), nn.Identity
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(call):
    with pytest.raises(UnlearningError, match="expected"):
        call()
