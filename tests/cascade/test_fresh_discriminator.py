import copy

import pytest
import torch
from ignite.engine import Engine
from torch import nn

from ignite_unlearn import GAN, CascadedUnlearning, ForgetItems, UnlearningError
from ignite_unlearn.cascade import Fixed, FreshDiscriminator, RetainedNeighbour
from ignite_unlearn.gan.borrow import borrow
from tests.loops.nets import CLASSES, Discriminator, Generator, Z, real_images


class Retained:
    """Regions of which only retained latents are asked for."""

    retained_classes = None

    def __init__(self, gan):
        self._gan = gan

    def retained(self, n):
        return self._gan.sample_latents(n), self._gan.sample_labels(n)


def plain(seed=0):
    torch.manual_seed(seed)
    netD = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(72, 1))
    return GAN(nn.Sequential(nn.Linear(4, 36), nn.Unflatten(1, (1, 6, 6))), netD, latents=(4,))


def begun(gan, start, seed=3):
    with borrow(gan.generator, gan.discriminator, seed=seed):
        start(gan, gan.teacher(), Retained(gan), None)
    return gan


def test_what_it_becomes_does_not_depend_on_what_it_was():
    images, _ = real_images(40, seed=0)
    one, other = plain(), plain()
    with torch.no_grad():
        for parameter in other.discriminator.parameters():
            parameter.add_(torch.randn_like(parameter))
    for gan in (one, other):
        begun(gan, FreshDiscriminator(images, steps=5))
    for a, b in zip(one.discriminator.parameters(), other.discriminator.parameters(), strict=True):
        assert torch.equal(a, b)


def test_after_it_real_images_are_told_from_generated_ones():
    gan, (images, _) = plain(), real_images(200, seed=0)
    begun(gan, FreshDiscriminator(images[:100], steps=150))
    gan.discriminator.train()
    with torch.no_grad():
        real, made = gan.score(images[100:]), gan.score(gan.sample(100))
    assert (real[:, None] > made[None]).double().mean() > 0.9


def test_nothing_but_the_weights_that_train_is_moved():
    gan, (images, _) = plain(), real_images(40, seed=0)
    gan.discriminator[0].requires_grad_(False)
    before = copy.deepcopy(gan.discriminator.state_dict()), copy.deepcopy(gan.generator.state_dict())
    begun(gan, FreshDiscriminator(images, steps=3))
    changed = {k for k, v in gan.discriminator.state_dict().items() if not torch.equal(v, before[0][k])}
    assert changed == {"1.weight", "1.bias", "4.weight", "4.bias"}
    assert all(torch.equal(v, before[1][k]) for k, v in gan.generator.state_dict().items())
    assert all(p.grad is None for p in gan.discriminator.parameters())


@pytest.mark.parametrize("norm", [nn.utils.parametrizations.spectral_norm, nn.utils.spectral_norm])
def test_layers_whose_weight_is_computed_are_drawn_anew_too(norm):
    gan, (images, _) = plain(), real_images(40, seed=0)
    norm(gan.discriminator[0])
    old = {name: p.clone() for name, p in gan.discriminator.named_parameters() if p.dim() > 1}
    begun(gan, FreshDiscriminator(images, steps=1))
    for name, parameter in gan.discriminator.named_parameters():
        if name in old:
            alike = torch.corrcoef(torch.stack([old[name].flatten(), parameter.flatten()]))[0, 1].abs()
            assert alike < 0.6, name


def test_layers_of_one_number_stay_finite():
    gan, (images, _) = plain(), real_images(40, seed=0)
    gan.discriminator.append(nn.utils.parametrizations.weight_norm(nn.Linear(1, 1)))
    begun(gan, FreshDiscriminator(images, steps=1))
    assert all(bool(p.isfinite().all()) and bool(p.any()) for p in gan.discriminator.parameters() if p.dim() > 1)


def test_a_check_takes_few_of_its_steps_and_finds_forgotten_images_among_its_own():
    gan, (images, labels) = plain(), real_images(40, seed=0)
    start = FreshDiscriminator(images[2:], steps=10**6)
    options = {"substitution": RetainedNeighbour(samples=16), "fake_label": Fixed()}
    assert CascadedUnlearning(gan, forget=ForgetItems(images[:2]), start=start, **options).check([(images, labels)])
    for forget in (ForgetItems(images[:4]), ForgetItems(images[:4], augmented=True)):
        phase = CascadedUnlearning(gan, forget=forget, start=start, **options)
        with pytest.raises(UnlearningError, match="2 of FreshDiscriminator's retained images are in the forget set"):
            phase.attach(trainer := Engine(lambda engine, batch: None))
            trainer.run([(images[:8], labels[:8])])
        phase.handle.remove()


def test_it_begins_a_phase_of_items_in_a_conditional_gan_too():
    torch.manual_seed(0)
    gan = GAN(Generator(CLASSES), Discriminator(classes=CLASSES), latents=(Z,), labels=CLASSES)
    images, labels = real_images(40, seed=0)
    old = copy.deepcopy(gan.discriminator)
    trainer = Engine(lambda engine, batch: None)
    unlearning = CascadedUnlearning(
        gan, forget=ForgetItems(images[:2], labels[:2]), substitution=RetainedNeighbour(samples=16),
        fake_label=Fixed(), start=FreshDiscriminator(images[2:], labels[2:], steps=3), max_iterations=1,
    )  # fmt: skip
    unlearning.measured = True
    with unlearning.attach(trainer):
        trainer.run([(images[:8], labels[:8])])
    assert any(not torch.equal(a, b) for a, b in zip(old.parameters(), gan.discriminator.parameters(), strict=True))
    with pytest.raises(UnlearningError, match="give the images' class labels"):
        begun(gan, FreshDiscriminator(images))


def test_what_does_not_fit_is_said_in_a_sentence():
    images, labels = real_images(4, seed=0)
    with pytest.raises(UnlearningError, match="0 images"):
        FreshDiscriminator(images[:0])
    with pytest.raises(UnlearningError, match="steps=0"):
        FreshDiscriminator(images, steps=0)
    with pytest.raises(UnlearningError, match="4 images but 2 labels"):
        FreshDiscriminator(images, labels[:2])
