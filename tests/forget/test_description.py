"""A request says what it is: one of a user's own works wherever a phase, a check or a record looks at it."""

import json

import pytest
import torch
from ignite.engine import Engine

from ignite_unlearn import GAN, CascadedUnlearning, ErasureRecord, ForgetClasses, ForgetItems, Replay
from ignite_unlearn.cascade import Fixed, MeanImage, RetainedNeighbour
from ignite_unlearn.forget import Description, Forget, Inversion
from ignite_unlearn.record.record import Record
from ignite_unlearn.utils.identical import assert_identical, clone
from tests.loops.nets import CLASSES, Discriminator, Generator, Z, bright_corner, real_images

X, Y = real_images(24, seed=0)
UNSEEN = real_images(8, seed=5)[0]


class Drawn:
    """Regions that are the whole of the latent space."""

    retained_classes = None

    def __init__(self, teacher):
        self.teacher = teacher

    def forgotten(self, n):
        return self.teacher.sample_latents(n), self.teacher.sample_labels(n)

    retained = forgotten


class ForgetBright(Forget):
    """A request that says no more than it must."""

    def rows(self, images, labels):
        return images[:, 0, 0, 0] > 0

    def regions(self, teacher):
        return Drawn(teacher)


class ForgetLike(ForgetItems):
    """A request for items under another name."""


class Holding(ForgetBright):
    """A request of its own that holds images, and finds them as the protocol does."""

    def describe(self):
        return Description("portraits", images=X[[3, 7]], unseen=UNSEEN)

    def rows(self, images, labels):
        return self.find(images) >= 0


def phase(forget, labels=None):
    gan = GAN(Generator(labels), Discriminator(classes=labels), latents=(Z,), labels=labels)
    return CascadedUnlearning(
        gan, forget=forget, substitution=RetainedNeighbour() if labels is None else MeanImage(), fake_label=Fixed(),
        batch_size=4,
    )  # fmt: skip


def recorded(forget, folder, batches=2):
    unlearning = phase(forget)
    trainer = Engine(lambda engine, batch: None)
    record = ErasureRecord(unlearning, folder, measure=lambda gan: {"fid": 1.0})
    with unlearning.attach(trainer), record.attach(trainer):
        trainer.run([(x, y) for x, y in zip(X.split(12), Y.split(12), strict=True)])
    return unlearning, json.loads((folder / "record.json").read_text())


def test_a_request_of_ones_own_is_checked_runs_and_is_recorded(tmp_path):
    forget = ForgetBright()
    assert phase(forget).check([(X, Y)])
    unlearning, content = recorded(forget, tmp_path)
    assert unlearning.iterations == 2 and unlearning.rows_found == int((X[:, 0, 0, 0] > 0).sum()) > 0
    assert content["forget"] == {"kind": "ForgetBright", "classes": [], "count": None}
    assert content["found"] == {"rows": unlearning.rows_found, "items": None, "of": None, "asked": 0}
    assert Record.read(tmp_path).forgotten == "ForgetBright" and "was not audited" in content["limits"][-1]
    assert len(list(Replay(unlearning.gan, forget, like=(X, Y), batches=2))) == 2


def test_one_that_holds_images_is_treated_as_items_are(tmp_path):
    _, content = recorded(Holding(), tmp_path / "mine")
    _, expected = recorded(ForgetItems(X[[3, 7]], unseen=UNSEEN), tmp_path / "items")
    assert content["found"] == expected["found"] == {"rows": 2, "items": 2, "of": 2, "asked": 0}
    assert content["forget"]["kind"] == "portraits" and content["forget"]["count"] == 2
    assert Record.read(tmp_path / "mine").forgotten == "2 portraits"
    assert set(content["forget"]) == set(expected["forget"])
    wrong = type("Wrong", (Holding,), {"describe": lambda self: Description("p", images=X[[3, 7]] / 2 + 0.5)})
    assert "2 of 2 images to be forgotten are in the batches, but with other values" in str(phase(wrong()).check([X]))
    with pytest.warns(UserWarning, match="2 of the 2 images to be forgotten were not among"):
        unlearning = phase(wrong())
        unlearning.measured = True
        with unlearning.attach(trainer := Engine(lambda engine, batch: None)):
            trainer.run(list(X.split(12)), max_epochs=4)


def test_one_that_names_classes_is_treated_as_classes_are():
    class Mine(Forget):
        def rows(self, images, labels):
            return ForgetClasses({2}).rows(images, labels)

        def regions(self, teacher):
            return ForgetClasses({2}).regions(teacher)

        def describe(self):
            return Description("styles", classes=(2,))

    unlearning = phase(Mine(), CLASSES)
    unlearning.measured = True
    assert set(unlearning.retained_labels(50).tolist()) == {0, 1}
    trainer = Engine(lambda engine, batch: unlearning.gan.called(torch.randn(4, Z), torch.tensor([2, 0, 2, 1])))
    with unlearning.attach(trainer), pytest.warns(UserWarning, match="asked the generator for forgotten classes"):
        trainer.run([(X, Y)])
    assert unlearning.asked_forgotten == 2
    targets = torch.utils.data.TensorDataset(X, Y % 2)
    targets.targets = (Y % 2).tolist()
    assert "No image of the data set is of class 2" in str(
        phase(Mine(), CLASSES).check(torch.utils.data.DataLoader(targets, 8))
    )


def test_descriptions_say_what_the_requests_hold():
    told = ForgetClasses({2, 0}, classifier=bright_corner).describe()
    assert (told.kind, told.classes, told.count, told.images) == ("classes", (0, 2), None, None)
    assert torch.equal(told.classify(X), Y) and ForgetClasses({2}).describe().classify is None
    told = ForgetItems(X[:3], Y[:3], unseen=UNSEEN, augmented=True).describe()
    assert (told.kind, told.classes, told.count) == ("items", (), 3) and told.by_index and not told.recognised
    assert torch.equal(told.images, X[:3]) and torch.equal(told.labels, Y[:3]) and told.unseen is UNSEEN
    grown = ForgetItems(X[:3])
    grown.add(X[5:6])
    assert grown.describe().count == 4 and ForgetLike(X[:2]).describe().kind == "items"


@pytest.mark.parametrize("labels", [None, Y[[3, 7]]])
def test_nothing_has_the_form_of_what_a_request_holds(labels):
    images, none = Description("items", images=X[[3, 7]], labels=labels).nothing()
    assert images.shape == (0, *X.shape[1:]) and (none is None) == (labels is None)
    images, none = Description("mine").nothing()
    assert len(images) == 0 and none is None


def test_a_trial_leaves_the_request_as_it_was():
    forget = ForgetItems(X[:6], unseen=UNSEEN, inversion=Inversion(candidates=64, steps=9, progress=False))
    before = clone({name: value for name, value in vars(forget).items() if isinstance(value, torch.Tensor)})
    regions = forget.trial(2).regions(GAN(Generator(), Discriminator(), latents=(Z,)))
    assert len(regions.forgotten(5)[0]) == 5
    assert forget.inverted is None and forget.unseen is UNSEEN and forget.inversion.steps == 9
    assert_identical({name: vars(forget)[name] for name in before}, before)
    assert ForgetItems(X[:2]).trial(2).inversion is None
