import weakref

import pytest
import torch

from ignite_unlearn import GAN, ForgetClasses, ForgetItems, UnlearningError
from ignite_unlearn.cascade import LatentDirection, MeanImage, Noise, OtherClass, RetainedNeighbour
from ignite_unlearn.cascade.substitutions.unlike import Unlike
from ignite_unlearn.forget import Inversion
from tests.loops.nets import Discriminator, Generator, Z, bright_corner

K = 6


@pytest.fixture
def conditional():
    teacher = GAN(Generator(K), Discriminator(), latents=(Z,), labels=K).teacher()
    return teacher, ForgetClasses({1, 4}).regions(teacher)


@pytest.fixture
def unconditional():
    teacher = GAN(Generator(), Discriminator(), latents=(Z,)).teacher()
    return teacher, ForgetClasses({2}, classifier=bright_corner, pool=64).regions(teacher)


def under(teacher, latents, label):
    return teacher.sample(len(latents), torch.full((len(latents),), label), latents=latents)


def test_other_class_is_the_same_latent_under_the_target(conditional):
    teacher, regions = conditional
    z, y = regions.forgotten(5)
    assert torch.equal(OtherClass(3)(teacher, z, y, regions), under(teacher, z, 3))


def test_other_class_chooses_the_same_retained_class_however_often_and_late_it_is_asked(conditional):
    teacher, regions = conditional
    z = teacher.sample_latents(6)
    substitution, late = OtherClass(), OtherClass()
    first = substitution(teacher, z, torch.tensor([1, 4, 1, 4, 1, 4]), regions)
    torch.randn(17)
    second = late(teacher, z[1:], torch.tensor([4, 1, 4, 1, 4]), regions)
    assert torch.allclose(first[1:], second, atol=1e-6)
    chosen = [k for k in regions.retained_classes if torch.allclose(first[0], under(teacher, z[:1], k)[0])]
    means = {k: under(teacher, torch.randn(4000, Z), k).mean(0) for k in (1, *regions.retained_classes)}
    order = sorted(regions.retained_classes, key=lambda k: (means[k] - means[1]).norm().item())
    assert chosen[0] in order[:3]  # near the first quartile; the two means are estimated from other latents


def test_other_class_holds_images_of_two_classes_at_a_time(conditional, monkeypatch):
    teacher, regions = conditional
    made, sample = [], GAN.sample

    def watched(*given, **named):
        images = sample(*given, **named)
        made.append(weakref.ref(images))
        assert sum(ref() is not None for ref in made) <= 3  # the forgotten class's, this one's, and the one before
        return images

    monkeypatch.setattr(GAN, "sample", watched)
    substitution = OtherClass(left=lambda staying, own: torch.zeros(len(staying), dtype=torch.bool))
    substitution(teacher, teacher.sample_latents(2), torch.tensor([1, 1]), regions)
    assert len(made) > K


def test_other_class_passes_over_classes_that_still_show_what_is_forgotten(conditional):
    teacher, regions = conditional
    latents, labels = teacher.sample_latents(6), torch.full((6,), 1)

    def chosen(left):
        images = OtherClass(left=left)(teacher, latents, labels, regions)
        return next(k for k in regions.retained_classes if torch.allclose(images, under(teacher, latents, k)))

    asked = []

    def left(staying):
        """Says of the first class asked about that so many of its images stay, of the second one, and so on."""
        asked.clear()

        def mask(images, own):
            asked.append(images)
            return torch.arange(len(images)) >= staying[len(asked) - 1]

        return mask

    plain = chosen(None)
    assert chosen(left([0])) == plain and len(asked) == 1
    second = chosen(left([5, 0]))
    assert second != plain and len(asked) == 2
    # All show it: the one that shows it least, each asked about once.
    count = len(regions.retained_classes)
    assert chosen(left([9, 2, *[7] * (count - 2)])) == second and len(asked) == count


def test_mean_image_of_a_conditional_gan_is_the_mean_over_retained_classes(conditional):
    teacher, regions = conditional
    z, y = regions.forgotten(4)
    expected = torch.stack([under(teacher, z, k) for k in (0, 2, 3, 5)]).mean(0)
    assert torch.allclose(MeanImage()(teacher, z, y, regions), expected, atol=1e-6)


def test_mean_image_of_an_unconditional_gan_is_one_picture(unconditional):
    teacher, regions = unconditional
    images = MeanImage(32)(teacher, regions.forgotten(3)[0], None, regions)
    assert images.shape == (3, 1, 6, 6) and torch.equal(images[0], images[2])


def test_retained_neighbour_of_a_conditional_gan_is_the_least_change(conditional):
    teacher, regions = conditional
    z, y = regions.forgotten(8)
    images = RetainedNeighbour()(teacher, z, y, regions)
    own = teacher.sample(8, y, latents=z)
    for k in (0, 2, 3, 5):
        assert (
            (images - own).flatten(1).norm(dim=1) <= (under(teacher, z, k) - own).flatten(1).norm(dim=1) + 1e-5
        ).all()


def test_retained_neighbour_of_an_unconditional_gan_is_never_forgotten(unconditional):
    teacher, regions = unconditional
    images = RetainedNeighbour(32)(teacher, regions.forgotten(16)[0], None, regions)
    assert not (bright_corner(images).argmax(1) == 2).any()


def test_other_class_says_what_it_cannot_do(conditional, unconditional):
    teacher, regions = unconditional
    with pytest.raises(UnlearningError, match="conditional GAN"):
        OtherClass()(teacher, regions.forgotten(2)[0], None, regions)
    teacher, regions = conditional
    with pytest.raises(UnlearningError, match=r"target=4\) is not a retained class"):
        OtherClass(4)(teacher, *regions.forgotten(2), regions)


@pytest.mark.parametrize("classes", [None, K])
def test_substitutes_of_items_keep_the_label_and_are_other_images(classes):
    teacher = GAN(Generator(classes), Discriminator(), latents=(Z,), labels=classes).teacher()
    labels = None if classes is None else torch.tensor([1, 4, 4])
    inversion = Inversion(candidates=64, steps=0, progress=False)
    regions = ForgetItems(teacher.sample(3, labels), labels, inversion=inversion).regions(teacher)
    z, y = regions.forgotten(5)
    own = teacher.sample(5, y, latents=z)
    for substitution in (MeanImage(32), RetainedNeighbour(256), Noise()):
        images = substitution(teacher, z, y, regions)
        assert images.shape == own.shape and not torch.allclose(images, own, atol=1e-3)
    torch.manual_seed(1)
    near = RetainedNeighbour(256)(teacher, z, y, regions)
    torch.manual_seed(1)
    retained, asked = regions.retained(256)
    for i, latent in enumerate(z):
        alike = retained if classes is None else retained[asked == y[i]]
        nearest = alike[(alike - latent).norm(dim=1).argmin()][None]
        assert torch.allclose(
            near[i], teacher.sample(1, None if classes is None else y[i : i + 1], latents=nearest)[0], atol=1e-5
        )


TO_THE_END = LatentDirection(lambda images, own: torch.zeros(len(images), dtype=torch.bool))


@pytest.mark.parametrize("substitution", [RetainedNeighbour(), TO_THE_END])
def test_a_latent_that_is_retained_under_another_label_says_nothing_of_this_one(substitution):
    teacher = GAN(Generator(K), Discriminator(), latents=(Z,), labels=K).teacher()
    latents = torch.randn(3, Z)

    class Regions:
        retained_classes = None

        def retained(self, n):
            return latents, torch.tensor([1, 4, 4])

    item = latents[:1] + 1e-3  # makes the item under 4; nearest to a latent that is retained under 1
    found = substitution(teacher, item, torch.tensor([4]), Regions())
    unit = (lambda z: z) if substitution is not TO_THE_END else torch.nn.functional.normalize
    nearer = latents[1:][(unit(latents[1:]) - unit(item)).norm(dim=1).argmin()]
    assert torch.allclose(found, under(teacher, nearer[None], 4), atol=1e-6)
    alone = RetainedNeighbour()(teacher, item, torch.tensor([2]), Regions())  # no latent is retained under its label
    assert torch.allclose(alone, under(teacher, latents[:1], 1))


@pytest.mark.parametrize("substitution", [RetainedNeighbour(), LatentDirection()])
def test_substitutes_are_those_that_the_request_offers_and_not_all_that_is_to_stay(unconditional, substitution):
    teacher, _ = unconditional
    near, far = torch.zeros(1, Z), torch.ones(1, Z)

    class Regions:
        retained_classes = None

        def retained(self, n):
            return near.expand(n, -1), None

        def substitutes(self, n):
            return far.expand(n, -1), None

    images = substitution(teacher, 0.01 * torch.ones(1, Z), None, Regions())
    ends = [teacher.sample(1, latents=latents) for latents in (near, far)]
    assert (images - ends[1]).norm() < (images - ends[0]).norm()


def test_a_class_that_the_gan_draws_like_the_forgotten_one_is_no_substitute(conditional):
    teacher, regions = conditional
    first = OtherClass()._choose(teacher, 1, regions.retained_classes)
    likes = {k: under(teacher, teacher.sample_latents(40), k) for k in (1, first)}
    others = torch.cat([under(teacher, teacher.sample_latents(40), k) for k in (0, 2, 3, 5) if k != first])
    # Real images: those of the forgotten class are what the first choice is drawn like.
    real, labels = torch.cat([likes[first], others]), torch.tensor([1] * 40 + [0] * len(others))
    left = Unlike(real, labels, {1})
    assert not left(likes[first]).any() and left(others).all() and "tensor" not in repr(left)
    assert OtherClass(left=left)._choose(teacher, 1, regions.retained_classes) != first


def test_noise_fills_the_teachers_range(unconditional):
    teacher, regions = unconditional
    z, _ = regions.forgotten(8)
    own, noise = teacher.sample(8, latents=z), Noise()(teacher, z, None, regions)
    assert own.min() <= noise.min() < noise.max() <= own.max()
    assert (noise.std() - (own.max() - own.min()) / 12**0.5).abs() < 0.1
