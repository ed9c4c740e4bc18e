import torch

from ignite_unlearn.gan import BatchForm
from ignite_unlearn.handlers.replaced_rows import replace_rows


def test_rows_are_replaced_on_a_copy():
    images, labels = torch.zeros(4, 1, 2, 2), torch.tensor([0, 2, 0, 2])
    asked = []

    def make(n, rows):
        asked.append((n, rows.tolist()))
        return torch.ones(len(rows), 1, 2, 2), torch.full((len(rows),), 7)

    batch = [images, labels]
    new = replace_rows(batch, BatchForm(), labels == 2, make)
    assert asked == [(4, [1, 3])]
    assert new[0].sum((1, 2, 3)).tolist() == [0, 4, 0, 4] and new[1].tolist() == [0, 7, 0, 7]
    assert images.sum() == 0 and labels.tolist() == [0, 2, 0, 2] and batch[0] is images
