import re

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses, ForgetItems, UnlearningError
from ignite_unlearn.cascade import Fixed, GaussNewton, OtherClass, RetainedNeighbour
from ignite_unlearn.forget import Inversion
from ignite_unlearn.utils.identical import Streams, assert_identical, clone
from tests.loops import batches, nets_in_the_wild, schedules, scores, surroundings  # noqa: F401 - they fill the zoo
from tests.loops import rows as whole_rows  # noqa: F401
from tests.loops.case import ZOO
from tests.loops.nets import CLASSES, Discriminator, Generator, Z, real_images


def make(gan=None, classes=(2,), substitution=None, **options):
    gan = gan or GAN(Generator(CLASSES), Discriminator(classes=CLASSES), latents=(Z,), labels=CLASSES)
    return CascadedUnlearning(
        gan, forget=ForgetClasses(classes), substitution=substitution or OtherClass(), fake_label=Fixed(), **options
    )


@pytest.mark.parametrize("name", sorted(ZOO))
def test_every_loop_of_the_zoo_passes_and_is_left_as_it_was(name):
    case = ZOO[name]()
    unlearning, data = case.unlearning(), case.data()
    nets = {"g": case.gan.generator, "d": case.gan.discriminator}
    before = clone({k: net.state_dict() for k, net in nets.items()}), Streams().state_dict(), clone(data)
    report = unlearning.check(data)
    assert report, str(report)
    assert_identical((clone({k: net.state_dict() for k, net in nets.items()}), Streams().state_dict(), data), before)


def test_a_report_says_what_it_saw():
    report = make().check([real_images(6, seed=0)])
    rows = int((real_images(6, seed=0)[1] == 2).sum())
    assert str(report).splitlines() == [
        "The phase fits this loop.",
        "  note: The images are at 0, of shape (6, 1, 6, 6), the class labels at 1, of shape (6,).",
        "  note: The first batch holds 6 images of shape (1, 6, 6).",
        f"  note: {rows} of its rows belong to the forget set.",
    ]


def test_a_loaders_own_generator_is_put_back():
    def loader():
        generator = torch.Generator().manual_seed(1)
        return DataLoader(TensorDataset(*real_images(30, seed=0)), 6, shuffle=True, generator=generator)

    looked, fresh = loader(), loader()
    assert make().check(looked)
    assert torch.equal(next(iter(looked))[0], next(iter(fresh))[0])


X, Y = real_images(6, seed=0)


def gan(head=None, **options):
    return GAN(Generator(), Discriminator(head), **{"latents": (Z,), **options})


@pytest.mark.parametrize(
    ("unlearning", "data", "problem"),
    [
        (make(), [{"text": ["a", "b"]}], "holds no images: expected a floating-point tensor"),
        (make(), [], "The data is empty"),
        (make(), iter([(X, Y)]), "read only once"),
        (make(), [(X, Y + 5)], "labels go from 5 to 7"),
        (make(classes=(7,)), [(X, Y)], "Class 7 is not one of the GAN's 3"),
        (make(classes=(0, 1, 2)), [(X, Y)], "All classes would be forgotten"),
        (make(gan(), substitution=RetainedNeighbour()), [(X, Y)], "unconditional"),
        (make(), [(torch.zeros(6, 1, 9, 9), Y)], r"generator makes images of shape \(1, 6, 6\) but the batch's"),
        (make(), [((X * 255).byte(), Y)], "torch.uint8"),
        (make(gan(latents=(5,))), [(X, Y)], r"latents of shape \(6, 5\)"),
        (make(gan(lambda s, f: s.flatten() + 5, scores="probabilities")), [(X, Y)], r"outside \[0, 1\]"),
        (make(gan(lambda s, f: {"a": s, "b": s})), [(X, Y)], "a dict with keys"),
        (
            make(GAN(Generator(CLASSES), Discriminator(), latents=(Z,), labels=CLASSES), substitution=OtherClass(2)),
            [(X, Y)],
            r"target=2\) is not a retained class",
        ),
    ],
)
def test_what_would_not_work_is_said_before_any_training(unlearning, data, problem):
    report = unlearning.check(data)
    assert not report
    assert any(re.search(problem, text) for text in report.problems), report
    assert all("\n" not in text for text in report.problems)


def items(discriminator, retained=X[2:], inversion=None):
    return CascadedUnlearning(
        GAN(Generator(), discriminator, latents=(Z,)), forget=ForgetItems(X[:2], inversion=inversion),
        substitution=RetainedNeighbour(), fake_label=Fixed(), discriminator_step=GaussNewton(retained),
    )  # fmt: skip


def labelled(**where):
    return GAN(Generator(CLASSES), Discriminator(classes=CLASSES), latents=(Z,), labels=CLASSES, **where)


@pytest.mark.parametrize(
    ("where", "data", "problem"),
    [
        ({"label": "lab"}, [{"image": X, "label": Y}], "The batch has no labels where"),
        ({"label": 2}, [(X, Y)], "The batch has no labels where"),
        ({"image": "img"}, [{"image": X, "label": Y}], "The batch has no images where"),
        ({}, [X], "The batch holds no class labels"),
        ({}, {"image": X, "label": Y}, "check() got a single batch"),
        ({}, (X, Y), "check() got a single batch"),
        ({}, X, "check() got a single batch"),
    ],
    ids=["no such key", "no such place", "no such image", "no labels", "a dict", "a pair", "a tensor"],
)
def test_one_fault_is_one_problem(where, data, problem):
    problems = make(labelled(**where)).check(data).problems
    assert len(problems) == 1
    assert problems[0].startswith(problem)


def items_of(images=X[:2], labels=Y[:2], gan=None, seen=None):
    unseen = (torch.rand(20, *X.shape[1:]) * 2 - 1, torch.arange(20) % CLASSES) if seen is None else seen
    return CascadedUnlearning(gan or labelled(), forget=ForgetItems(images, labels), unseen=unseen)


def broken(net):
    gan = labelled()
    with torch.no_grad():
        next(getattr(gan, net).parameters()).fill_(float("nan"))
    return gan


@pytest.mark.parametrize(
    ("unlearning", "data", "problem"),
    [
        (
            lambda: items_of(torch.rand(2, 1, 8, 8)),
            (X, Y),
            "The batch's images have shape (1, 6, 6), those to be forgotten",
        ),
        (
            lambda: items_of(seen=(torch.rand(20, 1, 8, 8), torch.arange(20) % CLASSES)),
            (X, Y),
            "The unseen images have",
        ),
        (lambda: items_of(X[:2] / 4 + 0.5), (X, Y), "2 of 2 images to be forgotten are in the batches, but with other"),
        (lambda: items_of(labels=Y[:2] + 5), (X, Y), "The items' labels go from"),
        (items_of, (torch.rand(6, 1, 8, 8), Y), "The generator makes images of shape (1, 6, 6) but the batch's have"),
        (items_of, ((X * 255).byte(), Y), "The batch's images are torch.uint8"),
        (lambda: items_of(gan=broken("generator")), (X, Y), "The generator's weights are not finite"),
        (lambda: items_of(gan=broken("discriminator")), (X, Y), "The discriminator's weights are not finite"),
    ],
    ids=["items", "unseen", "range", "labels", "shape", "dtype", "generator", "discriminator"],
)
def test_one_fault_of_what_was_given_is_one_problem(unlearning, data, problem):
    problems = unlearning().check([data]).problems
    assert len(problems) == 1, problems
    assert problems[0].startswith(problem)


@pytest.mark.parametrize(("count", "told"), [(12, True), (40, False)])
def test_too_few_unseen_images_to_find_a_single_item_are_told_of(count, told):
    seen = (torch.rand(count, *X.shape[1:]) * 2 - 1, torch.arange(count) % CLASSES)
    notes = items_of(seen=seen).check([(X, Y)]).notes
    said = "A single one of the 2 images that the generator reproduces would be taken for chance: to find it takes 19"
    assert any(note.startswith(said) for note in notes) == told


def test_unseen_images_of_labels_that_no_class_has_are_refused():
    with pytest.raises(UnlearningError, match=r"The unseen images' labels go from 0 to 19, but GAN\(..., labels=3\)"):
        items_of(seen=(torch.rand(20, *X.shape[1:]), torch.arange(20)))


def test_labels_as_floats_are_pointed_at_and_taken_where_one_says_so():
    data = [(X, Y.float())]
    said = "The whole numbers at 1 are of torch.float32, so they are not taken for class labels unasked: if they are"
    assert any(note.startswith(said) for note in make(labelled()).check(data).notes)
    report = make(labelled(label=1)).check(data)
    assert report
    assert not any(note.startswith("The whole numbers") for note in report.notes)
    assert not any(note.startswith("The whole numbers") for note in make(labelled()).check([(X, Y)]).notes)


def test_a_request_for_items_is_looked_at_too_and_nothing_is_moved():
    plain = Discriminator()
    plain.conv = torch.nn.Conv2d(1, 8, 3, stride=2, padding=1)
    for inversion in (None, Inversion(candidates=8, steps=0, progress=False)):
        unlearning = items(plain, inversion=inversion)
        before = clone(plain.state_dict())
        report = unlearning.check([(X, Y)])
        assert report, str(report)
        assert any("does not make what is to be forgotten" in note for note in report.notes) == (inversion is None)
        assert_identical(dict(plain.state_dict()), dict(before))
    assert "2 of GaussNewton's retained images" in str(items(plain, retained=X).check([(X, Y)]))
    stiff = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LayerNorm(36), torch.nn.AvgPool1d(36))
    assert "no hidden layer that GaussNewton can move" in str(items(stiff).check([(X, Y)]))


def test_ranges_that_differ_are_noted():
    report = make().check([(X / 2 + 0.5, Y)])
    assert report and any("ranges differ" in note for note in report.notes)


def test_the_loader_may_be_anything_that_can_be_iterated():
    class Stream:
        def __iter__(self):
            yield X, Y

    assert make().check(Stream())
