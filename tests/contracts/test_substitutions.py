"""The contract of a substitution, on each that there is."""

import pytest
import torch
from torch import nn

from ignite_unlearn import GAN, ForgetClasses, ForgetItems, UnlearningError
from ignite_unlearn.forget import Inversion
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.utils.identical import assert_identical, clone
from tests.contracts.found import SUBSTITUTIONS, built
from tests.loops.nets import CLASSES, SIZE, Discriminator, Generator, Z, real_images

every_substitution = pytest.mark.parametrize("kind", SUBSTITUTIONS.values(), ids=SUBSTITUTIONS.keys())


class StyleGenerator(Generator):
    """The zoo's generator with a mapping and a synthesis, as StyleGAN has them."""

    def __init__(self, classes=None):
        super().__init__(classes)
        self.mapping = Mapping(classes)
        self.synthesis = nn.Sequential(nn.Linear(Z, SIZE * SIZE), nn.Tanh(), nn.Unflatten(1, (1, SIZE, SIZE)))

    def forward(self, z, y=None):
        return self.synthesis(self.mapping(z, y))


class Mapping(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.linear, self.embed = nn.Linear(Z, Z), None if classes is None else nn.Embedding(classes, Z)

    def forward(self, z, y=None):
        return self.linear(z if self.embed is None else z + self.embed(y))


def two_pixels(images):
    return images.flatten(1)[:, :2]


def requests():
    torch.manual_seed(1)
    conditional = GAN(StyleGenerator(CLASSES), Discriminator(classes=CLASSES), latents=(Z,), labels=CLASSES)
    plain = GAN(StyleGenerator(), Discriminator(), latents=(Z,))
    inversion = Inversion(candidates=16, steps=0, progress=False)
    items, labels = real_images(3, seed=9)
    return {
        "a class by its label": (conditional.teacher(), ForgetClasses({2})),
        "a class by a classifier": (
            plain.teacher(),
            ForgetClasses({1}, classifier=two_pixels, pool=64),
        ),
        "items": (plain.teacher(), ForgetItems(items, inversion=inversion)),
        "items of a conditional GAN": (conditional.teacher(), ForgetItems(items, labels, inversion=inversion)),
    }


@every_substitution
@pytest.mark.parametrize("request_for", requests())
def test_each_forgotten_latent_is_given_one_finite_image_of_the_teachers_form(kind, request_for):
    teacher, forget = requests()[request_for]
    regions = forget.regions(teacher)
    latents, labels = regions.forgotten(5)
    before = clone(teacher.generator.state_dict())

    def substitutes(count=5):
        with borrow(seed=4):
            return built(kind)(teacher, latents[:count], None if labels is None else labels[:count], regions)

    try:
        images = substitutes()
    except UnlearningError as error:  # a substitution for classes may refuse items, in a sentence
        assert str(error).endswith(".")
        assert request_for != "a class by its label"
        return
    assert images.shape == (5, 1, SIZE, SIZE) and images.isfinite().all() and not images.requires_grad
    assert (images.min() >= -1.001 and images.max() <= 1.001) or kind.__name__ == "Noise"
    assert_identical(clone(teacher.generator.state_dict()), before)
    # Drawn from the stream that it is given, and from nothing else.
    assert torch.equal(substitutes(), images)
    assert substitutes(1).shape == (1, 1, SIZE, SIZE)


def test_there_are_those_that_the_package_promises():
    assert {"OtherClass", "MeanImage", "RetainedNeighbour", "LatentDirection", "Truncation", "Noise"} <= set(
        SUBSTITUTIONS
    )
