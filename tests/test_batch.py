from collections import namedtuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ignite_unlearn.batch import BatchForm, describe
from ignite_unlearn.errors import UnlearningError


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
        (BatchForm(), None, "without batches of images.*SubstitutedDataset"),
        (BatchForm(), [], "holds no images"),
        (BatchForm(image="reals"), {"A": images()}, "no images where"),
        (BatchForm(image=1), [images(), "text"], "must lead to a tensor"),
        (BatchForm(label="y"), {"A": images()}, "no labels where"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(form, batch, message):
    with pytest.raises(UnlearningError, match=message):
        form.labels(batch) if form._label else form.images(batch)


def test_describe_shows_shapes_and_types():
    assert describe([images(), {"y": LABELS}]) == "list((4, 1, 2, 2) float32, dict(y: (4,) int64))"


def test_volumes_are_images_too():
    volumes = torch.zeros(2, 1, 4, 4, 4)
    assert BatchForm().images({"spacing": torch.ones(2, 3), "image": volumes}) is volumes
