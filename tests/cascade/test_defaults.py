import pytest
import torch
from torch import nn

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses, ForgetItems, UnlearningError
from ignite_unlearn.cascade import KFAC, ExchangeScores, Fixed, MeanImage, UntrainedLabel
from ignite_unlearn.cascade.defaults import halves

IMAGES, LABELS = torch.rand(40, 1, 2, 2), torch.arange(40) % 3


class Labelled(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner, self.embed = inner, nn.Embedding(3, 4)

    def forward(self, x, y=None):
        return self.inner(x.flatten(1) if y is None else x.flatten(1) + self.embed(y))


def gan(labels=None, norm=lambda layer: layer):
    netG = Labelled(nn.Sequential(nn.Linear(4, 4), nn.Unflatten(1, (1, 2, 2))))
    netD = Labelled(nn.Sequential(norm(nn.Linear(4, 8)), nn.ReLU(), norm(nn.Linear(8, 1)), nn.Flatten(0)))
    return GAN(netG, netD, latents=(4,), labels=labels)


def names(phase):
    parts = (phase.step.substitution, phase.step.fake_label, phase.step.discriminator_step)
    return [type(part).__name__ for part in parts] + [phase.step.generator_steps]


CLASSES, ITEMS = ForgetClasses({2}, classifier=lambda x: x), ForgetItems(IMAGES[:2] + 2, LABELS[:2])


@pytest.mark.parametrize(
    ("labels", "forget", "unseen", "expected"),
    [
        (3, CLASSES, None, ["OtherClass", "Generated", "ExchangeScores", 4]),
        (3, CLASSES, (IMAGES, LABELS), ["OtherClass", "Generated", "ExchangeScores", 4]),
        (None, CLASSES, IMAGES, ["RetainedNeighbour", "Generated", "ExchangeScores", 8]),
        (None, ITEMS, IMAGES, ["RetainedNeighbour", "UnseenQuantiles", "KFAC", 8]),
        (3, ITEMS, (IMAGES, LABELS), ["RetainedNeighbour", "UnseenQuantiles", "KFAC", 8]),
        (None, ITEMS, None, ["RetainedNeighbour", "Generated", "ExchangeScores", 8]),
    ],
)
def test_parts_follow_from_the_request_and_the_nets(labels, forget, unseen, expected):
    assert names(CascadedUnlearning(gan(labels), forget=forget, unseen=unseen)) == expected


def test_a_substitution_that_is_a_start_too_is_named_once():
    shown = UntrainedLabel()
    for parts in ({"start": shown}, {"start": shown.start}, {"start": shown, "substitution": shown}):
        phase = CascadedUnlearning(gan(3), forget=CLASSES, **parts)
        assert phase.step.substitution is shown and phase.start == shown.start
    phase = CascadedUnlearning(gan(3), forget=CLASSES, substitution=MeanImage(), start=shown)
    assert isinstance(phase.step.substitution, MeanImage) and phase.start == shown.start
    assert CascadedUnlearning(gan(3), forget=CLASSES, substitution=shown).start is None


def test_items_of_a_gan_that_takes_labels_need_unseen_images_with_labels():
    with pytest.raises(UnlearningError, match=r"needs the unseen images' labels too: unseen=\(images, labels\)"):
        CascadedUnlearning(gan(3), forget=ITEMS, unseen=IMAGES)
    CascadedUnlearning(gan(3), forget=CLASSES, unseen=IMAGES)  # of a class they are only compared


def test_without_unseen_images_it_is_said_that_items_are_not_measured():
    assert "not measured: give unseen=" in str(CascadedUnlearning(gan(), forget=ITEMS))


def test_labelled_unseen_images_tell_which_class_is_a_substitute():
    told = CascadedUnlearning(gan(3), forget=CLASSES, unseen=(IMAGES, LABELS)).step.substitution.left
    assert tuple(told.forgotten) == (2,) and len(told.images) == len(told.labels) == 20  # the other half measures
    assert CascadedUnlearning(gan(3), forget=CLASSES, unseen=IMAGES).step.substitution.left is None


@pytest.mark.parametrize("labels", [3, None])
def test_of_labels_is_spoken_where_the_gan_takes_them(labels):
    chosen = CascadedUnlearning(gan(labels), forget=CLASSES, unseen=IMAGES).chosen
    assert ("label" in chosen["discriminator's step"]) == (labels is not None)


def test_a_discriminator_without_a_plain_layer_descends():
    phase = CascadedUnlearning(gan(norm=nn.utils.parametrizations.spectral_norm), forget=ITEMS, unseen=IMAGES)
    assert names(phase)[2] == "ExchangeScores"


def test_what_is_given_stays_and_the_discriminators_step_goes_with_the_fake_label():
    phase = CascadedUnlearning(gan(3), forget=CLASSES, substitution=MeanImage())
    assert names(phase)[:3] == ["MeanImage", "Generated", "ExchangeScores"] and "substitution" not in phase.chosen
    phase = CascadedUnlearning(gan(3), forget=CLASSES, fake_label=Fixed())
    assert names(phase)[:3] == ["OtherClass", "Fixed", "NoneType"]
    step = ExchangeScores(steps=1)
    assert (
        CascadedUnlearning(gan(), forget=ITEMS, unseen=IMAGES, discriminator_step=step).step.discriminator_step is step
    )


def test_the_request_of_the_user_stays_as_it_is():
    phase = CascadedUnlearning(gan(), forget=ITEMS, unseen=IMAGES)
    assert ITEMS.search is None and ITEMS.unseen is None
    assert phase.forget.search is not None and len(phase.forget.unseen) == 20
    assert isinstance(phase.step.discriminator_step, KFAC)


def test_every_other_unseen_image_measures_and_few_do_both():
    (first, first_labels), (second, second_labels) = halves((IMAGES, LABELS))
    assert torch.equal(torch.stack([first, second], 1).flatten(0, 1), IMAGES)
    assert torch.equal(torch.stack([first_labels, second_labels], 1).flatten(), LABELS)
    assert [len(images) for images, _ in halves(IMAGES[:9])] == [9, 9] and halves(None) == (None, None)


@pytest.mark.parametrize("unseen", [IMAGES[:0], (IMAGES, LABELS[:3]), "images"])
def test_unseen_images_that_are_none_are_refused(unseen):
    with pytest.raises(UnlearningError, match="needs real images that the GAN was never trained on"):
        CascadedUnlearning(gan(), forget=ITEMS, unseen=unseen)
