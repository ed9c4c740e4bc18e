"""The contract of a fake label, on each that there is."""

import pytest
import torch

from ignite_unlearn import ForgetClasses
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.utils.identical import assert_identical, clone
from tests.contracts.found import FAKE_LABELS, a_gan, built

every_fake_label = pytest.mark.parametrize("kind", FAKE_LABELS.values(), ids=FAKE_LABELS.keys())


@every_fake_label
@pytest.mark.parametrize("n", [0, 1, 7])
@pytest.mark.parametrize("requests", [1, 2])
@pytest.mark.parametrize("conditional", [True, False])
def test_each_forgotten_image_is_given_one_finite_score_and_nets_and_scores_stay(kind, n, requests, conditional):
    gan = a_gan(conditional)
    teacher, scores, which = gan.teacher(), torch.linspace(-2, 3, n), torch.arange(n) % requests
    classifier = None if conditional else lambda images: images.flatten(1)[:, :3]
    regions = ForgetClasses({2}, classifier=classifier, pool=64).regions(teacher)
    before = clone((gan.generator.state_dict(), gan.discriminator.state_dict(), scores))

    def targets():
        with borrow(gan.generator, gan.discriminator, seed=4), torch.no_grad():
            return built(kind)(scores, gan, teacher, regions, which)

    found = targets()
    assert found.shape == (n,) and found.dtype == scores.dtype and found.isfinite().all() and not found.requires_grad
    assert torch.equal(targets(), found)
    assert_identical(clone((gan.generator.state_dict(), gan.discriminator.state_dict(), scores)), before)


@every_fake_label
def test_each_says_which_unseen_images_it_was_given(kind):
    label = built(kind)
    held = [value for value in vars(label).values() if isinstance(value, torch.Tensor) and value.dim() == 4]
    given = getattr(label, "unseen_images", list)()
    assert len(given) == len(held) and all(any(one is other for other in given) for one in held)


def test_there_are_those_that_the_package_promises():
    assert {"Fixed", "Generated", "Unseen", "UnseenQuantiles", "Between"} <= set(FAKE_LABELS)
