from collections import namedtuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ignite.engine import Engine

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses, UnlearningError
from ignite_unlearn.cascade import Fixed, OtherClass
from ignite_unlearn.gan import BatchForm
from ignite_unlearn.gan.batch import is_one_hot
from tests.loops.nets import CLASSES, Discriminator, Generator, Z, real_images


def images(n=4):
    return torch.arange(n * 4, dtype=torch.float32).view(n, 1, 2, 2)


LABELS = torch.tensor([0, 1, 2, 1])
Pair = namedtuple("Pair", "label image")
FORMS = [
    images(),
    [images(), LABELS],
    (images(), LABELS[:, None]),
    ((images(), torch.zeros(4, 5)), (torch.ones(4), torch.zeros(4))),
    {"B": torch.zeros(4, 3, 2, 2), "A": images(), "y": LABELS.int()},
    {"reals": images(), "label": LABELS},
    (images(), ["a", "b", "c", "d"], LABELS),
    Pair(LABELS, images()),
]


@pytest.mark.parametrize("batch", FORMS, ids=lambda batch: type(batch).__name__)
def test_images_are_found_and_replaced_in_a_copy(batch):
    form = BatchForm()
    assert torch.equal(form.images(batch), images())
    labels = form.labels(batch)
    assert labels is None or (labels.dtype == torch.int64 and labels.tolist() == LABELS.tolist())
    new = form.replace(batch, -images(), torch.tensor([2, 2, 2, 2]))
    assert type(new) is type(batch)
    assert torch.equal(form.images(new), -images())
    assert labels is None or form.labels(new).tolist() == [2, 2, 2, 2]
    assert torch.equal(form.images(batch), images())
    assert labels is None or form.labels(batch).tolist() == LABELS.tolist()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["tuple", "list", "dict"]), max_size=4), st.integers(0, 2))
def test_replace_then_images_is_what_was_put_at_any_depth(containers, before):
    batch = images()
    for kind in containers:
        fill = [torch.zeros(7)] * before
        batch = {"a": fill, "b": batch} if kind == "dict" else (tuple if kind == "tuple" else list)([*fill, batch])
    form = BatchForm()
    assert torch.equal(form.images(form.replace(batch, images() + 1)), images() + 1)


def test_paths_say_where_to_look():
    batch = (torch.zeros(4, 1, 1, 1), {"deep": [images()]}, torch.zeros(4, dtype=torch.long), LABELS)
    form = BatchForm(image=(1, "deep", 0), label=3)
    assert torch.equal(form.images(batch), images())
    assert form.labels(batch).tolist() == LABELS.tolist()
    assert form.replace(batch, images(), LABELS * 0)[2] is batch[2]


def test_get_and_put_convert():
    form = BatchForm(image=(lambda b: b["x"] / 255, lambda b, x: {**b, "x": x * 255}))
    assert form.images({"x": torch.full((1, 1, 1, 1), 255.0)}).item() == 1
    assert form.replace({"x": torch.zeros(1, 1, 1, 1)}, torch.ones(1, 1, 1, 1))["x"].item() == 255


@pytest.mark.parametrize(
    ("form", "batch", "message"),
    [
        (BatchForm(), {"text": ["a"], "ids": LABELS}, r"holds no images.*dict\(text"),
        (BatchForm(), None, "without batches of images.*ReplacedDataset"),
        (BatchForm(), [], "holds no images"),
        (BatchForm(image="reals"), {"A": images()}, "no images where"),
        (BatchForm(image=1), [images(), "text"], "must lead to a tensor"),
        (BatchForm(label="y"), {"A": images()}, "no labels where"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(form, batch, message):
    with pytest.raises(UnlearningError, match=message):
        form.labels(batch) if form._label else form.images(batch)


def test_volumes_are_images_too():
    volumes = torch.zeros(2, 1, 4, 4, 4)
    assert BatchForm().images({"spacing": torch.ones(2, 3), "image": volumes}) is volumes


def test_rows_that_are_not_replaced_stay_bit_for_bit_where_a_put_rounds():
    mean, deviation = torch.rand(3, 1, 1), torch.rand(3, 1, 1) + 0.1
    form = BatchForm(
        image=(
            lambda b: (b["pixels"][0] - mean) / deviation,
            lambda b, x: {**b, "pixels": [x * deviation + mean]},
        ),
        label=(lambda b: b["onehot"].argmax(1), lambda b, y: {**b, "onehot": torch.eye(3)[y] * 0.9}),
    )
    batch = {"pixels": [torch.rand(6, 3, 4, 4)], "onehot": torch.eye(3)[[0, 1, 2, 0, 1, 2]], "name": "a"}
    rows = torch.tensor([False, True, False, False, True, False])
    new = form.images(batch).clone()
    new[rows] = 7.0
    rounded = form.replace(batch, new, form.labels(batch))
    assert not torch.equal(rounded["pixels"][0][~rows], batch["pixels"][0][~rows])  # as it was before
    changed = form.replace(batch, new, torch.tensor([0, 0, 2, 0, 0, 2]), rows=rows)
    assert torch.equal(changed["pixels"][0][~rows], batch["pixels"][0][~rows])
    assert torch.equal(changed["onehot"][~rows], batch["onehot"][~rows])
    assert torch.allclose(form.images(changed)[rows], torch.tensor(7.0)) and form.labels(changed)[rows].tolist() == [
        0,
        0,
    ]
    assert changed["name"] == "a" and batch["pixels"][0].max() < 1


def test_a_phase_leaves_retained_rows_of_a_rounding_put_as_they_are():
    images, labels = real_images(6, seed=0)
    pixels = (images * 127.3 + 127.7).round() / 255
    gan = GAN(
        Generator(CLASSES), Discriminator(classes=CLASSES), latents=(Z,), labels=CLASSES,
        image=(lambda b: (b[0] - 0.3) / 0.7, lambda b, x: (x * 0.7 + 0.3, b[1])),
    )  # fmt: skip
    phase = CascadedUnlearning(gan, forget=ForgetClasses({2}), substitution=OtherClass(0), fake_label=Fixed())
    seen = []
    trainer = Engine(lambda engine, batch: seen.append(batch))
    with phase.attach(trainer):
        trainer.run([(pixels, labels)])
    kept = labels != 2
    assert torch.equal(seen[0][0][kept], pixels[kept]) and not torch.equal(seen[0][0][~kept], pixels[~kept])


ONE_HOT = torch.eye(3)[LABELS]


@pytest.mark.parametrize(
    "form",
    [BatchForm(), BatchForm(label=1), BatchForm(classes=3), BatchForm(0, (lambda b: b[1], lambda b, y: (b[0], y)))],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64, torch.uint8, torch.bool])
def test_one_hot_labels_are_labels(form, dtype):
    batch = (images(), ONE_HOT.to(dtype))
    assert form.labels(batch).tolist() == LABELS.tolist() and form.labels(batch).dtype == torch.int64
    new = form.replace(batch, images(), torch.tensor([2, 2, 0, 0]))
    assert torch.equal(new[1], torch.eye(3)[[2, 2, 0, 0]].to(dtype)) and new[1].dtype == dtype
    assert not form.more(batch)


def test_what_is_not_one_hot_is_none():
    assert BatchForm().labels((images(), torch.rand(4, 3))) is None
    assert BatchForm(classes=4).labels((images(), ONE_HOT)) is None
    assert BatchForm().labels((images(), ONE_HOT, LABELS)).tolist() == LABELS.tolist()  # integers go first
    assert not is_one_hot(torch.zeros(0, 3)) and not is_one_hot(torch.ones(3, 1)) and not is_one_hot(torch.eye(3)[0])
    with pytest.raises(UnlearningError, match=r"\(4, 3\) but are not one-hot.*label=\(get, put\)"):
        BatchForm(label=1).labels((images(), ONE_HOT * 0.9))


def test_one_hot_labels_are_not_taken_for_flat_images_nor_images_for_labels():
    flat = images().flatten(1)
    for batch in ((ONE_HOT, flat), (flat, ONE_HOT)):
        assert BatchForm().images(batch) is flat and BatchForm().labels(batch).tolist() == LABELS.tolist()
    words = torch.eye(4)
    assert BatchForm().images(words) is words and BatchForm().labels(words) is None


def test_ids_are_no_labels_unless_they_are_said_to_be():
    batch = {"image": images(), "id": LABELS}
    assert BatchForm().labels(batch) is None and BatchForm(label="id").labels(batch).tolist() == LABELS.tolist()
    assert list(BatchForm().more(batch)) == [("id",)]


@pytest.mark.parametrize(
    ("form", "batch", "more"),
    [
        (BatchForm(), images(), []),
        (BatchForm(), [images(), LABELS], []),
        (BatchForm(), {"image": images(), "y": ONE_HOT, "site": "a", "weights": torch.ones(3)}, []),
        (BatchForm(), (images(), ["a", "b", "c", "d"], LABELS), [(1,)]),
        (BatchForm(image="B"), {"A": -images(), "B": images()}, [("A",)]),
        (BatchForm(image=["B", "again"]), {"A": -images(), "B": images(), "again": images()}, [("A",)]),
        (BatchForm(image=["B", "A"]), {"A": images(), "B": images()}, []),
        (BatchForm((lambda b: b[0] * 2, lambda b, x: (x / 2, *b[1:]))), (images(), LABELS), []),
        (BatchForm((lambda b: b[0] * 2, lambda b, x: (x / 2, *b[1:]))), (images(), LABELS, images()), [(2,)]),
        (BatchForm((lambda b: b[0], lambda b, x: (x, list(b[1])))), (images(), ["a", "b", "c", "d"]), [(1,)]),
        (BatchForm((lambda b: b[0], lambda b, x: (x, -x))), (images(), -images()), []),
    ],
)  # fmt: skip
def test_what_a_row_holds_beside_image_and_label_is_told(form, batch, more):
    for _ in range(2):  # what functions replace is remembered
        assert list(form.more(batch)) == more


def test_images_inside_an_object_are_replaced_by_functions_alone():
    class Scan:
        def __init__(self, images):
            self.images = images

    form = BatchForm((lambda b: b[0].images, lambda b, x: (Scan(x), b[1])))
    assert form.more((Scan(images()), ["a", "b", "c", "d"])) == {}


def test_a_list_of_paths_names_the_same_images_held_several_times():
    form = BatchForm(image=["x", ("deep", 0)])
    batch = {"x": images(), "deep": [images()], "y": LABELS}
    new = form.replace(batch, -images())
    assert form.images(batch) is batch["x"] and torch.equal(new["x"], -images())
    assert torch.equal(new["deep"][0], -images()) and torch.equal(batch["deep"][0], images())
    with pytest.raises(UnlearningError, match="at least one path"):
        BatchForm(image=[])
