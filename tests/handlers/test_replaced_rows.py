import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from ignite_unlearn import SubstitutedDataset, UnlearningError
from ignite_unlearn.gan.batch import BatchForm
from ignite_unlearn.handlers.replaced_rows import substitute_rows


def test_rows_are_replaced_on_a_copy():
    images, labels = torch.zeros(4, 1, 2, 2), torch.tensor([0, 2, 0, 2])
    asked = []

    def make(n, rows):
        asked.append((n, rows.tolist()))
        return torch.ones(len(rows), 1, 2, 2), torch.full((len(rows),), 7)

    batch = [images, labels]
    new = substitute_rows(batch, BatchForm(), labels == 2, make)
    assert asked == [(4, [1, 3])]
    assert new[0].sum((1, 2, 3)).tolist() == [0, 4, 0, 4] and new[1].tolist() == [0, 7, 0, 7]
    assert images.sum() == 0 and labels.tolist() == [0, 2, 0, 2] and batch[0] is images


def test_a_dataset_is_substituted_by_index_also_through_workers_and_shuffling():
    data = TensorDataset(torch.arange(10.0).view(10, 1, 1, 1), torch.arange(10))
    wrapped = SubstitutedDataset(data, {3, 7}, torch.tensor([-1.0, -2.0]).view(2, 1, 1, 1), torch.tensor([0, 1]))
    seen = {}
    for images, labels in DataLoader(wrapped, 4, shuffle=True):
        seen.update(zip(images.flatten().tolist(), labels.tolist(), strict=True))
    assert seen == {**{float(i): i for i in range(10) if i not in (3, 7)}, -1.0: 0, -2.0: 1}
    assert wrapped[-7][0].item() == -1


def test_items_may_be_bare_tensors_or_anything_with_get_and_put():
    bare = SubstitutedDataset(torch.zeros(3, 1, 2, 2), {1}, torch.ones(1, 1, 2, 2))
    assert bare[1].sum() == 4 and bare[0].sum() == 0
    dicts = SubstitutedDataset(
        [{"x": torch.zeros(1)}] * 2, {0}, torch.ones(1, 1),
        form=(lambda item: item["x"], lambda item, x, y: {**item, "x": x}),
    )  # fmt: skip
    assert dicts[0]["x"].item() == 1


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: SubstitutedDataset([0] * 3, {3}, torch.zeros(1, 1)), "Index 3 is outside"),
        (lambda: SubstitutedDataset([0] * 3, set(), torch.zeros(1, 1)), "forget set is empty"),
        (lambda: SubstitutedDataset([0] * 3, {1}, torch.zeros(2, 1), torch.zeros(3)), "2 substitutes but 3 labels"),
        (lambda: SubstitutedDataset(["a"], {0}, torch.zeros(1, 1))[0], "Items of the dataset are str"),
        (lambda: SubstitutedDataset([torch.zeros(2)], {0}, torch.zeros(1, 3))[0], r"shape \(3,\), items \(2,\)"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(act, message):
    with pytest.raises(UnlearningError, match=message):
        act()
