import re
import types

import pytest
import torch
from ignite.engine import Engine
from torch import nn
from torch.nn.functional import one_hot
from torch.utils.data import DataLoader, Dataset, TensorDataset

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses, ForgetItems, ReplacedDataset, UnlearningError
from ignite_unlearn.cascade import (
    Between,
    Fixed,
    Generated,
    NearestEmbedding,
    OtherClass,
    RetainedNeighbour,
    Unseen,
)
from ignite_unlearn.forget import Inversion
from ignite_unlearn.utils.identical import assert_identical, clone
from tests.loops.nets import CLASSES, Discriminator, Generator, Z, bright_corner, real_images

X, Y = real_images(24, seed=0)
COLOUR = torch.rand(24, 3, 6, 6, generator=torch.Generator().manual_seed(1)) * 2 - 1
UNSEEN = real_images(20, seed=9)[0]


class ColourGenerator(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(Z, 108)

    def forward(self, z):
        return self.linear(z).tanh().view(-1, 3, 6, 6)


def colour_gan():
    return GAN(ColourGenerator(), nn.Sequential(nn.Flatten(), nn.Linear(108, 1)), latents=(Z,))


def of_items(items, gan=None, fake_label=None, **options):
    return CascadedUnlearning(
        gan or GAN(Generator(), Discriminator(), latents=(Z,)), forget=ForgetItems(items, **options),
        substitution=RetainedNeighbour(), fake_label=fake_label or Fixed(),
    )  # fmt: skip


def of_classes(forget=None, gan=None, start=None, **options):
    gan = gan or GAN(Generator(CLASSES), Discriminator(classes=CLASSES), latents=(Z,), labels=CLASSES, **options)
    substitution = RetainedNeighbour() if gan.labels is None else OtherClass(0)
    return CascadedUnlearning(
        gan, forget=forget or ForgetClasses({2}), substitution=substitution, fake_label=Fixed(), start=start
    )


def unconditional(**options):
    return GAN(Generator(), Discriminator(), latents=(Z,), **options)


class Flips(Dataset):
    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        return X[index].flip(-1) if torch.rand(()) < 0.5 else X[index]


def wrapped(dataset):
    return ReplacedDataset(dataset, {3}, torch.zeros(1, 1, 6, 6))


def folder(classes, targets):
    data = TensorDataset(X, Y)
    data.classes, data.targets = classes, targets
    return DataLoader(data, batch_size=8)


def one_after_the_other():
    data = TensorDataset(torch.cat([X, X]), torch.tensor([1] * 24 + [2] * 24))
    data.classes, data.targets = ["a", "b", "c"], data.tensors[1].tolist()
    return DataLoader(data, batch_size=6)


def conditional_items():
    gan = GAN(Generator(CLASSES), Discriminator(classes=CLASSES), latents=(Z,), labels=CLASSES)
    forget = ForgetItems(X[[3]], Y[[3]])
    return CascadedUnlearning(gan, forget=forget, substitution=OtherClass(0), fake_label=Fixed())


BATCHES = list(zip(X.split(8), Y.split(8), strict=True))
SINGLE_ROWS = [(X[i : i + 1], torch.zeros(1).long()) for i in range(24) if Y[i] != 0][:4]
JPEG = X[[3, 7]] + 0.02 * torch.randn(2, 1, 6, 6, generator=torch.Generator().manual_seed(2))
BY_CLASSIFIER = ForgetClasses({2}, classifier=bright_corner, pool=32)


@pytest.mark.parametrize(
    ("unlearning", "data", "problem"),
    [
        # Items and unseen images that are not as the batches hold them.
        (of_items(X[[3, 7]] / 2 + 0.5), list(X.split(8)), "2 of 2 images .* with other values"),
        (of_items((X[[3, 7]] + 1) * 127.5), list(X.split(8)), "with other values"),
        (of_items(UNSEEN[:4] / 2 + 0.5), [X], r"images to be forgotten lie in \[0.*value range"),
        (of_items((UNSEEN[:1] + 1) * 127.5), [X], "value range"),
        (of_items(COLOUR[[3, 7]].flip(1), colour_gan()), list(COLOUR.split(8)), r"channels in reverse order \(BGR\)"),
        (of_items(X[[3]].flip(-1)), [X], "as in a mirror: random flips.*ReplacedDataset"),
        (of_items(X[[3]], unseen=UNSEEN / 2 + 0.5), [X], "unseen images lie in"),
        (of_items(X[[3]], unseen=X[8:20]), list(X.split(12)), "12 of 24 images of the loop's batches are unseen"),
        (of_items(X[[3]], fake_label=Between(Generated(), Unseen(X[10:12]))), list(X.split(8)), "2 of 24 images"),
        # Augmentation, and wrapping.
        (of_items(X[[3]]), DataLoader(Flips(), batch_size=8), "random augmentation is at work.*ReplacedDataset"),
        (of_items(X[[3]], augmented=True), DataLoader(Flips(), batch_size=8), "loader's data set is Flips: wrap it"),
        # Guesses.
        (of_classes(), [(X, X, Y)], "2 tensors that may be its images, at 0, 1"),
        (of_classes(), [(X, torch.arange(24) % 3, Y)], r"2 tensors that may be its class labels.*label=2\)"),
        (of_classes(), [{"image": X, "coarse": Y // 2, "fine": Y}], r"class labels, at 'coarse', 'fine'"),
        (of_classes(), [{"image": X, "coarse": Y // 2, "label": Y, "y": Y}], "labels, at 'label', 'coarse', 'y'"),
        (of_items(X[[3]]), [{"A": X, "B": -X}], "may be its images, at 'A', 'B'"),
        (of_items(X[[3]]), [{"image": X, "real": -X}], "may be its images, at 'image', 'real'"),
        (of_items(X[[3]]), [{"lr": X[..., ::2, ::2], "hr": X}], "may be its images, at 'lr', 'hr'"),
        # Labels that are none.
        (of_classes(BY_CLASSIFIER, unconditional()), [(X, Y * 0)], "labels and the classifier agree on"),
        (of_classes(BY_CLASSIFIER, unconditional()), SINGLE_ROWS, "agree on 0 of 4 images"),
        (of_classes(), folder(["all"], [0] * 24), "has one class, 'all'"),
        (conditional_items(), folder(["all"], [0] * 24), "has one class, 'all'"),
        (of_classes(), [(x, y * 0) for x, y in BATCHES], r"All 24 labels of the first 3 batches are 0, but several"),
        (conditional_items(), [(x, y * 0) for x, y in BATCHES], r"All 24 labels of the first 3 batches are 0"),
        (of_classes(), folder(["a", "b"], [0, 1] * 12), "No image of the data set is of class 2: its classes are"),
        # Loops without batches, and what is no loader.
        (of_items(X[[3]]), None, "fetches these inside its step.*ReplacedDataset"),
        (of_items(X[[3]]), [None] * 3, "fetches these inside its step"),
        (of_items(X[[3]]), TensorDataset(X), "got a data set, TensorDataset"),
        (of_items(X[[3]]), 7, "The data is int"),
    ],
)  # fmt: skip
def test_what_would_not_work_in_a_loops_data_is_said(unlearning, data, problem):
    report = unlearning.check(data)
    assert not report and any(re.search(problem, text) for text in report.problems), report


@pytest.mark.parametrize(
    ("unlearning", "data", "note"),
    [
        (of_items(X[[3, 7]]), list(X.split(8)), "1 of its rows|2 of its rows"),
        (of_items(X[[3, 3]], unseen=UNSEEN), list(X.split(8)), "1 of its rows"),
        (of_classes(), [(X, Y, torch.arange(24))], "the class labels"),  # an index of rows is none
        (of_items(UNSEEN[:2]), list(X.split(8)), "0 of its rows"),
        (of_items(JPEG), list(X.split(8)), "2 of 2 images to be forgotten are nearly like.*JPEG"),
        (of_items(UNSEEN[:1].abs()), [X[:4]], "if their ranges differ"),
        (of_items(X[[3]], augmented=True), DataLoader(wrapped(Flips()), batch_size=8), "holds 8 images"),
        (of_items(X[[3]], augmented=True), None, "see that the loop reads from one"),
        (of_items(X[[3]], augmented=True), [None] * 2, "see that the loop reads from one"),
        (of_classes(image=0, label=2), [(X, -X, Y)], "more than image and label, at 1: whole retained rows"),
        (of_classes(image=[0, 1]), [(X, X, Y)], r"images are at 0, of shape \(24, 1, 6, 6\), the class labels at 2"),
        (of_classes(), [{"image": X, "x": -X, "label": Y, "id": Y}], "images are at 'image', .* labels at 'label'"),
        (of_classes(), [(X, torch.eye(3)[Y], torch.ones(3))], r"labels at 1, of shape \(24, 3\)|tensors at 2 do not"),
        (of_items(X[[3]]), [X], r"images are the batch itself, of shape \(24, 1, 6, 6\), the class labels nowhere"),
        (of_classes(image=(lambda b: b[0], lambda b, x: (x, b[1]))), [(X, Y)], r"are what GAN\(..., image=\(get, put"),
        (of_classes(), [(x, y * 0 + 2) for x, y in BATCHES[:1]], "No row of it is retained"),
        (of_classes(), one_after_the_other(), "All 24 labels of the first 4 batches are 1, but the data set has other"),
        (of_classes(label=2), [(X, torch.arange(24), Y)], "of its rows"),
        (of_classes(), [(X, Y * 0 + 2)], "No row of it is retained"),
        (of_classes(BY_CLASSIFIER, unconditional()), [(X, Y)], "of its rows"),
        (of_classes(), folder(["a", "b", "c"], Y), "of its rows"),
    ],
)
def test_what_works_is_no_problem(unlearning, data, note):
    report = unlearning.check(data)
    assert report, report
    assert any(re.search(note, text) for text in report.notes), report


class Counting(Inversion):
    seen: list = []  # noqa: RUF012 - what any of them did

    def __call__(self, gan, images, labels=None):
        found = super().__call__(gan, images, labels)
        self.seen.append((len(images), found.steps))
        return found


def test_of_an_inversion_a_little_is_tried_and_nothing_is_kept():
    inversion = Counting(candidates=4096, steps=500, progress=False)
    unlearning = of_items(X, unseen=UNSEEN, inversion=inversion)
    Counting.seen.clear()
    before = clone({name: value for name, value in vars(unlearning.forget).items() if isinstance(value, torch.Tensor)})
    assert unlearning.check([X])
    assert Counting.seen == [(4, 1)]
    assert unlearning.forget.inverted is None and unlearning.original is None
    assert unlearning.forget.inversion is inversion and inversion.candidates == 4096 and inversion.steps == 500
    assert_identical({name: vars(unlearning.forget)[name] for name in before}, before)


def test_parts_remember_nothing_of_a_check():
    unlearning = of_classes()
    unlearning.step.substitution = OtherClass()
    before = dict(vars(unlearning.step.substitution))
    assert unlearning.check([(X, Y)])
    assert vars(unlearning.step.substitution) == before


class Stubborn(Generator):
    """A generator whose label table is no embedding of PyTorch's."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(CLASSES, Z))

    def forward(self, z, y):
        return super().forward(z + self.table[y])


def test_a_start_that_cannot_be_made_is_said_and_one_that_can_moves_nothing():
    gan = GAN(Stubborn(), Discriminator(classes=CLASSES), latents=(Z,), labels=CLASSES)
    assert "NearestEmbedding needs" in str(of_classes(gan=gan, start=NearestEmbedding()).check([(X, Y)]))
    unlearning = of_classes(start=NearestEmbedding())
    before = clone(dict(unlearning.gan.generator.state_dict()))
    assert unlearning.check([(X, Y)])
    assert_identical(clone(dict(unlearning.gan.generator.state_dict())), before)


class Private:
    """What opacus' wrapper leaves on a net: hooks that are its methods."""

    def capture(self, module, args, output):
        pass


Private.__module__ = "opacus.grad_sample.grad_sample_module"


def test_a_net_under_opacus_is_refused_by_check_and_by_attach():
    unlearning = of_items(X[[3]])
    handle = unlearning.gan.discriminator.conv.register_forward_hook(Private().capture)
    assert "discriminator is under opacus, and an unlearning step is outside" in str(unlearning.check([X]))
    with pytest.raises(UnlearningError, match="under opacus"):
        unlearning.attach(types.SimpleNamespace())
    handle.remove()
    assert unlearning.check([X])


@pytest.mark.parametrize("error", [ValueError("bad"), AssertionError("3 channels"), ZeroDivisionError("none")])
def test_whatever_parts_raise_is_a_problem(error):
    def raises(*args):
        raise error

    unlearning = of_items(X[[3]], inversion=raises)
    assert f"The request ended in {type(error).__name__}: {error}." in str(unlearning.check([X]))
    unlearning = of_items(X[[3]])
    unlearning.step.fake_label = raises
    assert f"The fake label ended in {type(error).__name__}" in str(unlearning.check([X]))


@pytest.mark.parametrize(
    ("unseen", "said"),
    [
        (UNSEEN.abs() * 40, "give them in the value range of the loop's batches"),
        (UNSEEN[..., 1:], "give them as the batch holds its own"),
        (torch.cat([UNSEEN, X[5:6]]), "1 of 24 images of the loop's batches are unseen images too"),
    ],
    ids=["range", "shape", "trained on"],
)
def test_unseen_images_that_no_loop_fits_end_a_run_that_was_not_checked_before_anything_changed(unseen, said):
    unlearning = CascadedUnlearning(
        GAN(Generator(CLASSES), Discriminator(classes=CLASSES), latents=(Z,), labels=CLASSES),
        forget=ForgetClasses({2}), unseen=unseen, start=NearestEmbedding(),
    )  # fmt: skip
    trainer, nets = Engine(lambda engine, batch: None), (unlearning.gan.generator, unlearning.gan.discriminator)
    before = [clone(net.state_dict()) for net in nets]
    with pytest.raises(UnlearningError, match=re.escape(said)), unlearning.attach(trainer):
        trainer.run([(X, Y)])
    assert_identical([clone(net.state_dict()) for net in nets], before)


class Listed(Dataset):
    """Images whose labels are not as the data set lists them."""

    def __init__(self, targets, label=int, **more):
        self.images, self.targets, self.label = real_images(24, seed=0)[0], targets, label
        self.__dict__.update(more)

    def __len__(self):
        return 24

    def __getitem__(self, i):
        return self.images[i], self.label(self.targets[i])


@pytest.mark.parametrize(
    ("dataset", "forgotten"),
    [
        (Listed(torch.arange(24) % 3 + 1, lambda y: int(y) - 1, target_transform=lambda y: y - 1), 0),
        (Listed(torch.arange(24) % 3 + 1, lambda y: int(y) - 1, transforms=lambda x, y: (x, y - 1)), 0),
        (Listed(one_hot(torch.arange(24) % 3, 3).float(), lambda y: int(y.argmax())), 2),
        (Listed(["abc"[i % 3] for i in range(24)], "abc".index), 1),
    ],
    ids=["another label", "both changed", "one-hot", "names"],
)
def test_what_a_data_set_lists_counts_only_where_it_is_what_it_gives(dataset, forgotten):
    gan = GAN(Generator(CLASSES), Discriminator(classes=CLASSES), latents=(Z,), labels=CLASSES)
    phase = CascadedUnlearning(gan, forget=ForgetClasses({forgotten}), substitution=OtherClass(), fake_label=Fixed())
    report = phase.check(DataLoader(dataset, 12))
    assert report, report


class WithLatents(Listed):
    """Draws a latent for each image, which is no augmentation."""

    def __getitem__(self, i):
        return {"image": self.images[i], "label": int(self.targets[i]), "z": torch.randn(Z)}


def test_latents_that_a_data_set_draws_are_no_augmentation():
    gan = GAN(Generator(CLASSES), Discriminator(classes=CLASSES), latents=(Z,), labels=CLASSES)
    dataset = WithLatents(torch.arange(24) % 3)
    forget = ForgetItems(dataset.images[:2], dataset.targets[:2])
    phase = CascadedUnlearning(gan, forget=forget, substitution=OtherClass(), fake_label=Fixed())
    assert not any("augmentation" in problem for problem in phase.check(DataLoader(dataset, 12)).problems)
