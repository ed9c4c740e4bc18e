import pytest
import torch
from torch import nn

from ignite_unlearn import GAN, ForgetClasses, ForgetItems, UnlearningError
from ignite_unlearn.cascade import LatentDirection, Truncation
from ignite_unlearn.cascade.substitutions.latent_direction import slerp
from ignite_unlearn.forget import Inversion
from tests.loops.nets import CLASSES, Discriminator, Generator, Z, bright_corner


class StyleGenerator(nn.Module):
    """A mapping network and a synthesis network, as StyleGAN's."""

    def __init__(self):
        super().__init__()
        self.mapping = nn.Sequential(nn.Linear(Z, 5), nn.Tanh())
        self.synthesis = nn.Sequential(nn.Linear(5, 36), nn.Unflatten(1, (1, 6, 6)))

    def forward(self, z):
        return self.synthesis(self.mapping(z))


def items(generator, labels=None):
    teacher = GAN(generator, Discriminator(), latents=(Z,), labels=labels).teacher()
    of = None if labels is None else torch.arange(4) % labels
    images = teacher.sample(4, of)
    return teacher, ForgetItems(images, of, inversion=Inversion(candidates=32, steps=0, progress=False)).regions(
        teacher
    )


def own(teacher, latents, labels):
    return teacher.sample(len(latents), labels, latents=latents)


@pytest.mark.parametrize("classes", [None, CLASSES])
def test_truncation_goes_from_the_own_image_to_one_centre(classes):
    teacher, regions = items(Generator(classes), classes)
    z, y = regions.forgotten(6)
    assert torch.allclose(Truncation(1.0)(teacher, z, y, regions), own(teacher, z, y), atol=1e-4)
    y = None if y is None else y * 0
    centre = Truncation(0.0)(teacher, z, y, regions)
    assert torch.allclose(centre, centre[:1].expand_as(centre), atol=1e-4)


def test_truncation_is_in_w_where_there_is_a_mapping_network():
    teacher, regions = items(StyleGenerator())
    z, _ = regions.forgotten(6)
    substitution = Truncation(0.25, samples=4000)
    w = teacher.generator.mapping(z)
    mean = teacher.generator.mapping(torch.randn(4000, Z)).mean(0)
    expected = teacher.generator.synthesis(mean + 0.25 * (w - mean))
    assert torch.allclose(substitution(teacher, z, None, regions), expected, atol=0.05)
    assert torch.equal(substitution(teacher, z, None, regions), substitution(teacher, z, None, regions))


def test_the_walk_ends_at_the_first_image_that_has_left():
    teacher = GAN(Generator(), Discriminator(), latents=(Z,)).teacher()
    regions = ForgetClasses({2}, classifier=bright_corner, pool=64).regions(teacher)
    z, _ = regions.forgotten(16)
    seen = []

    def left(images, own):
        seen.append(images)
        return bright_corner(images).argmax(1) != 2

    images = LatentDirection(left, steps=6)(teacher, z, None, regions)
    assert not (bright_corner(images).argmax(1) == 2).any()
    steps = torch.stack(seen)
    gone = bright_corner(steps.flatten(0, 1)).argmax(1).view(6, 16) != 2
    first = gone.to(torch.uint8).argmax(0)
    assert torch.equal(images, steps[first, torch.arange(16)])


@pytest.mark.parametrize("classes", [None, CLASSES])
def test_the_walk_is_a_compromise_between_the_image_and_the_end(classes):
    teacher, regions = items(Generator(classes), classes)
    z, y = regions.forgotten(6)
    images = LatentDirection(steps=4)(teacher, z, y, regions)
    assert images.shape == (6, 1, 6, 6) and not torch.equal(images, own(teacher, z, y))
    # Where nothing counts as left, the retained latent itself is the answer, one that is retained under the same label.
    torch.manual_seed(3)
    end = LatentDirection(lambda images, own: torch.zeros(len(images), dtype=torch.bool))(teacher, z, y, regions)
    torch.manual_seed(3)
    retained, asked = regions.retained(512)
    unit = torch.nn.functional.normalize
    for i, latent in enumerate(unit(z)):
        alike = retained if classes is None else retained[asked == y[i]]
        nearest = alike[(unit(alike) - latent).norm(dim=1).argmin()][None]
        label = None if classes is None else y[i : i + 1]
        assert torch.allclose(end[i], own(teacher, nearest, label)[0], atol=1e-4)


def test_slerp_keeps_to_the_great_circle():
    a, b = torch.randn(20, 7, dtype=torch.float64), torch.randn(20, 7, dtype=torch.float64)
    assert torch.allclose(slerp(a, b, 0.0), a) and torch.allclose(slerp(a, b, 1.0), b)
    middle = slerp(a, b, 0.5)
    cosine = torch.nn.functional.cosine_similarity
    assert torch.allclose(cosine(a, middle), cosine(middle, b))
    assert torch.allclose(middle.norm(dim=1), (a.norm(dim=1) + b.norm(dim=1)) / 2)
    assert torch.allclose(slerp(a, 2 * a, 0.5), 1.5 * a)


def test_numbers_out_of_range_are_refused():
    with pytest.raises(UnlearningError, match=r"in \[0, 1\]"):
        Truncation(1.5)
    with pytest.raises(UnlearningError, match="at least 1"):
        LatentDirection(steps=0)
