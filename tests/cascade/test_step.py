import copy
import weakref

import pytest
import torch
from torch.nn.functional import smooth_l1_loss

from ignite_unlearn import GAN, ForgetClasses, UnlearningDivergedError, UnlearningError
from ignite_unlearn.cascade import Fixed, OtherClass, RetainedNeighbour, UnlearningStep
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.handlers import Rows
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


def test_while_gradients_are_computed_no_image_of_the_generator_half_is_held_but_by_the_graph(world, monkeypatch):
    gan, teacher, regions, _, step = world
    made, held = [], []
    sample, gradients = teacher.sample, step.descents["generator"].gradients

    def seen(*args, **kwargs):
        made.append(weakref.ref(images := sample(*args, **kwargs)))
        return images

    def looked(loss):
        held.extend(ref() is not None for ref in made)
        return gradients(loss)

    monkeypatch.setattr(teacher, "sample", seen)
    monkeypatch.setattr(step.descents["generator"], "gradients", looked)
    with borrow(gan.generator, gan.discriminator, seed=4):
        step.generator_half(teacher, regions)
    assert len(held) >= 2 and not any(held)


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
    with pytest.raises(UnlearningError, match=r"must be >= 0|batch_size=0"):
        UnlearningStep(world[0], substitution=OtherClass(), fake_label=Fixed(), **options)


class Noisy(Generator):
    """Adds noise by a learned gain."""

    def __init__(self, gain, classes=None):
        super().__init__(classes)
        self.gain = torch.nn.Parameter(torch.tensor(gain))

    def forward(self, z, y=None):
        images = super().forward(z, y)
        return images + self.gain * torch.randn_like(images)


@pytest.mark.parametrize("substitution", [OtherClass(0), RetainedNeighbour()])
def test_a_gain_of_noise_is_kept_where_generator_and_teacher_show_the_same_noise(substitution):
    gan = GAN(Noisy(0.3, CLASSES), Discriminator(classes=CLASSES), latents=(Z,), labels=CLASSES)
    teacher = gan.teacher()
    regions = ForgetClasses({2}).regions(teacher)
    step = UnlearningStep(
        gan, substitution=substitution, fake_label=Fixed(-1), batch_size=8,
        optimizer=lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.5, 0.9)),
    )  # fmt: skip
    losses = []
    for k in range(40):
        with borrow(gan.generator, gan.discriminator, seed=k):
            losses.append(step.generator_half(teacher, regions)["substitution_loss"])
    assert losses[-1] < 0.3 * losses[0]  # it learns
    assert 0.25 < gan.generator.gain.item() < 0.35


def test_a_generator_that_draws_nothing_is_called_once_for_both_kinds_of_latents(world):
    gan, teacher, regions, _, step = world
    step.generator_half(teacher, regions)  # a first time to see whether it draws
    sizes = []
    handle = gan.generator.register_forward_hook(lambda module, args, output: sizes.append(len(args[0])))
    step.generator_half(teacher, regions)
    handle.remove()
    assert sizes == [16]
