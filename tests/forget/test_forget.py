import numpy as np
import pytest
import torch

from ignite_unlearn import GAN, ForgetClasses, UnlearningError
from tests.loops.nets import CLASSES, Discriminator, Generator, Z, bright_corner, real_images


def gan(classes=None):
    return GAN(Generator(classes), Discriminator(), latents=(Z,), labels=classes)


def test_rows_of_several_classes():
    labels = torch.tensor([0, 5, 2, 5, 9])
    assert ForgetClasses([9, 5]).rows(torch.zeros(5, 1, 2, 2), labels).tolist() == [False, True, False, True, True]


def test_rows_by_a_classifier_equal_rows_by_labels():
    images, labels = real_images(50, seed=1)
    forget = ForgetClasses({2}, classifier=bright_corner)
    assert torch.equal(forget.rows(images, None), forget.rows(images, labels))


def test_regions_of_a_conditional_gan_are_its_labels():
    regions = ForgetClasses({0, 2}).regions(gan(CLASSES).teacher())
    (z, forgotten), (_, retained) = regions.forgotten(200), regions.retained(200)
    assert z.shape == (200, Z)
    assert set(forgotten.tolist()) == {0, 2} and set(retained.tolist()) == {1} == set(regions.retained_classes)


def test_regions_of_an_unconditional_gan_are_found_by_the_classifier():
    teacher = gan().teacher()
    regions = ForgetClasses({2}, classifier=bright_corner, pool=64).regions(teacher)
    for latents, expected in ((regions.forgotten(40)[0], True), (regions.retained(40)[0], False)):
        found = bright_corner(teacher.sample(40, latents=latents)).argmax(1) == 2
        assert bool(found.all()) if expected else not bool(found.any())
    assert regions.retained_classes is None


def test_replacement_labels_are_the_classifiers_where_the_gan_has_none():
    images, labels = real_images(20, seed=2)
    assert torch.equal(ForgetClasses({2}, classifier=bright_corner).replacement_labels(images, None), labels)
    assert ForgetClasses({2}).replacement_labels(images, None) is None
    assert ForgetClasses({2}).replacement_labels(images, labels) is labels


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: ForgetClasses([]), "forget set is empty"),
        (lambda: ForgetClasses(["3"]), "integers >= 0, not '3'"),
        (lambda: ForgetClasses([True]), "integers >= 0"),
        (lambda: ForgetClasses(np.array([True])), "integers >= 0"),
        (lambda: ForgetClasses([torch.tensor(1.0)]), "integers >= 0"),
        (lambda: ForgetClasses([2.0]), "integers >= 0"),
        (lambda: ForgetClasses(7), "in a set"),
        (lambda: ForgetClasses("7"), "in a set"),
        (lambda: ForgetClasses({-1}), "integers >= 0"),
        (lambda: ForgetClasses({1}).rows(torch.zeros(2, 1, 2, 2), None), "no class labels"),
        (lambda: ForgetClasses({3}).regions(gan(3)), "Class 3 is not one of the GAN's 3 classes"),
        (lambda: ForgetClasses({0, 1, 2}).regions(gan(3)), "All classes would be forgotten"),
        (lambda: ForgetClasses({1}).regions(gan()), "unconditional"),
        (
            lambda: ForgetClasses({7}, classifier=lambda x: torch.eye(8)[torch.zeros(len(x)).long()]).regions(gan()),
            "no image of the forgotten",
        ),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(act, message):
    with pytest.raises(UnlearningError, match=message):
        act()


def test_a_request_knows_which_of_its_classes_were_forgotten_before():
    request = ForgetClasses({7}).together_with({2, 7})
    assert (request.classes, request.earlier) == ((2, 7), (2,))
    assert request.together_with([4]).earlier == (2, 4) and ForgetClasses({7}).earlier == ()


def test_integers_of_numpy_and_pytorch_are_classes():
    for given in (np.array([7, 1]), {np.int64(7), np.uint8(1)}, torch.tensor([7, 1, 7]), [7, 1], range(1, 8, 6)):
        assert ForgetClasses(given).classes == (1, 7)
        assert all(type(c) is int for c in ForgetClasses(given).classes)
