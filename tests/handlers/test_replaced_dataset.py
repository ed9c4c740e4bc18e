import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from ignite_unlearn import ReplacedDataset, UnlearningError


def test_a_dataset_is_replaced_by_index_also_through_workers_and_shuffling():
    data = TensorDataset(torch.arange(10.0).view(10, 1, 1, 1), torch.arange(10))
    wrapped = ReplacedDataset(data, {3, 7}, torch.tensor([-1.0, -2.0]).view(2, 1, 1, 1), torch.tensor([0, 1]))
    seen = {}
    for images, labels in DataLoader(wrapped, 4, shuffle=True):
        seen.update(zip(images.flatten().tolist(), labels.tolist(), strict=True))
    assert seen == {**{float(i): i for i in range(10) if i not in (3, 7)}, -1.0: 0, -2.0: 1}
    assert wrapped[-7][0].item() == -1


def test_without_images_retained_items_take_the_place_with_all_they_hold():
    data = [(torch.full((1, 2, 2), float(i)), f"text {i}", i, {"half": i / 2}) for i in range(9)]
    wrapped = ReplacedDataset(data, {0, 4, 8})
    items = [wrapped[i] for i in range(9)]
    assert all(items[i] is data[i] for i in (1, 2, 3, 5, 6, 7))
    stand_ins = [wrapped[i] for i in (0, 4, -1)]
    assert len({item[2] for item in stand_ins}) == 3 and not {item[2] for item in stand_ins} & {0, 4, 8}
    assert all(item is data[item[2]] for item in stand_ins)
    again = ReplacedDataset(data, {0, 4, 8})
    assert [again[i] for i in (0, 4, 8)] == stand_ins
    few = ReplacedDataset(data, set(range(8)))
    assert all(few[i] is data[8] for i in range(9))


def test_items_may_be_bare_tensors_or_anything_with_get_and_put():
    bare = ReplacedDataset(torch.zeros(3, 1, 2, 2), {1}, torch.ones(1, 1, 2, 2))
    assert bare[1].sum() == 4 and bare[0].sum() == 0
    dicts = ReplacedDataset(
        [{"x": torch.zeros(1)}] * 2, {0}, torch.ones(1, 1),
        form=(lambda item: item["x"], lambda item, x, y: {**item, "x": x}),
    )  # fmt: skip
    assert dicts[0]["x"].item() == 1


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: ReplacedDataset([0] * 3, {3}, torch.zeros(1, 1)), "Index 3 is outside"),
        (lambda: ReplacedDataset([0] * 3, set(), torch.zeros(1, 1)), "forget set is empty"),
        (lambda: ReplacedDataset([0] * 3, {1}, torch.zeros(2, 1), torch.zeros(3)), "2 images but 3 labels"),
        (lambda: ReplacedDataset([0] * 3, {1}, labels=torch.zeros(1)), "0 images but 1 labels"),
        (lambda: ReplacedDataset([0] * 3, {0, 1, 2}), "All items of the dataset are to be forgotten"),
        (
            lambda: ReplacedDataset([(torch.zeros(1), 0, "text")], {0}, torch.zeros(1, 1))[0],
            "hold 3 values.*whole retained items",
        ),
        (
            lambda: ReplacedDataset([(torch.zeros(1), "a caption")], {0}, torch.zeros(1, 1))[0],
            "hold a str beside the image.*whole retained items",
        ),
        (
            lambda: ReplacedDataset([torch.zeros(1, dtype=torch.uint8)], {0}, torch.full((1, 1), -0.5))[0],
            r"The images given are torch\.float32, items torch\.uint8",
        ),
        (lambda: ReplacedDataset(["a"], {0}, torch.zeros(1, 1))[0], "Items of the dataset are str"),
        (lambda: ReplacedDataset([torch.zeros(2)], {0}, torch.zeros(1, 3))[0], r"shape \(3,\), items \(2,\)"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(act, message):
    with pytest.raises(UnlearningError, match=message):
        act()


@pytest.mark.parametrize("label", [1, 1.0, torch.tensor(1), torch.tensor([1]), torch.tensor([0, 1, 0])])
def test_a_label_in_any_form_stays_beside_the_image_that_takes_the_place(label):
    image, kept = ReplacedDataset([(torch.zeros(1), label)], {0}, torch.ones(1, 1))[0]
    assert image.item() == 1 and torch.equal(torch.as_tensor(kept), torch.as_tensor(label))
