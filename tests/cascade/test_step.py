import copy

import pytest
import torch
from torch.nn.functional import smooth_l1_loss

from ignite_unlearn import GAN, Fixed, ForgetClasses, OtherClass, UnlearningDivergedError, UnlearningError
from ignite_unlearn.cascade.step import UnlearningStep
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.handlers.rows import Rows
from tests.loops.nets import CLASSES, Discriminator, Generator, Z, real_images


def sgd(parameters):
    return torch.optim.SGD(list(parameters), lr=0.1)


@pytest.fixture
def world():
    gan = GAN(Generator(CLASSES), Discriminator(classes=CLASSES), latents=(Z,), labels=CLASSES)
    teacher = gan.teacher()
    images, labels = real_images(12, seed=0)
    rows = Rows(images, labels, labels == 2)
    step = UnlearningStep(
        gan, substitution=OtherClass(0), fake_label=Fixed(-1), optimizer=sgd, anchor=2.0, batch_size=8
    )
    return gan, teacher, ForgetClasses({2}).regions(teacher), rows, step


def test_the_generator_half_is_what_its_formula_says(world):
    gan, teacher, regions, _, step = world
    reference = copy.deepcopy(gan.generator).eval()
    with borrow(seed=4):
        (zf, yf), (zr, yr) = regions.forgotten(8), regions.retained(8)
    loss = ((reference(zf, yf) - teacher.generator(zf, yf * 0)) ** 2).mean()
    anchor = ((reference(zr, yr) - teacher.generator(zr, yr)) ** 2).mean()
    (loss + 2 * anchor).backward()
    with borrow(gan.generator, gan.discriminator, seed=4):
        numbers = step.generator_half(teacher, regions)
    assert numbers["substitution_loss"] == pytest.approx(loss.item(), rel=1e-4)
    assert numbers["generator_anchor_loss"] == pytest.approx(anchor.item(), abs=1e-6)
    for p, q in zip(gan.generator.parameters(), reference.parameters(), strict=True):
        assert torch.allclose(p, q - 0.1 * q.grad, atol=1e-5)


def test_the_discriminator_half_is_what_its_formula_says(world):
    gan, teacher, regions, rows, step = world
    with torch.no_grad():
        gan.discriminator.score.bias.add_(0.7)  # away from the teacher, so that the anchor pulls
    reference = copy.deepcopy(gan.discriminator).eval()
    scores, held = reference(rows.images, rows.labels), teacher.discriminator(rows.images, rows.labels)
    f = rows.forgotten
    loss = smooth_l1_loss(scores[f], torch.full_like(scores[f], -1)) + 2 * smooth_l1_loss(scores[~f], held[~f])
    loss.backward()
    with borrow(gan.generator, gan.discriminator, seed=4):
        numbers = step.discriminator_half(teacher, regions, rows)
    assert numbers["forget_score"] == pytest.approx(scores[f].mean().item(), rel=1e-4)
    assert numbers["fake_label"] == -1
    for p, q in zip(gan.discriminator.parameters(), reference.parameters(), strict=True):
        assert torch.allclose(p, q - 0.1 * q.grad, atol=1e-5)


def test_a_batch_without_forgotten_rows_leaves_the_discriminator_alone(world):
    gan, teacher, regions, rows, step = world
    before = copy.deepcopy(gan.discriminator.state_dict())
    assert step.discriminator_half(teacher, regions, Rows(rows.images, rows.labels, rows.forgotten & False)) == {}
    assert all(torch.equal(value, before[key]) for key, value in gan.discriminator.state_dict().items())


def test_a_loss_that_is_not_finite_moves_nothing(world):
    gan, teacher, regions, rows, _ = world
    step = UnlearningStep(gan, substitution=OtherClass(0), fake_label=Fixed(float("nan")), optimizer=sgd)
    before = copy.deepcopy(gan.discriminator.state_dict())
    with borrow(gan.generator, gan.discriminator), pytest.raises(UnlearningDivergedError, match="discriminator is not"):
        step.discriminator_half(teacher, regions, rows)
    assert all(torch.equal(value, before[key]) for key, value in gan.discriminator.state_dict().items())


@pytest.mark.parametrize("options", [{"anchor": -1.0}, {"batch_size": 0}])
def test_numbers_out_of_range_are_refused(world, options):
    with pytest.raises(UnlearningError, match="must be >= 0"):
        UnlearningStep(world[0], substitution=OtherClass(), fake_label=Fixed(), **options)
