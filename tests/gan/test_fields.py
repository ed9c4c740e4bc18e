import numpy as np
import pytest
import torch

from ignite_unlearn.gan.fields import at, blank, describe, fields, row_of, with_rows

N = 4
IMAGES = torch.arange(N * 4, dtype=torch.float32).view(N, 1, 2, 2)
TEXTS = ["a", "b", "c", "d"]
IDS = torch.tensor([5, 6, 7, 8])
RAGGED = [torch.zeros(k + 2) + k for k in range(N)]  # one of them is as long as the batch
BOXES = [(k, k, k + 1, k + 1) for k in range(N)]


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        (IMAGES, [()]),
        ([IMAGES, IDS], [(0,), (1,)]),
        ((IMAGES, TEXTS, tuple(TEXTS)), [(0,), (1,), (2,)]),
        ({"a": {"b": [IMAGES, IMAGES]}, "text": TEXTS, "site": "abcd"}, [("a", "b", 0), ("a", "b", 1), ("text",)]),
        ({"x": IMAGES, "weights": torch.ones(3), "step": torch.tensor(4), "none": None}, [("x",)]),
        ({"x": IMAGES, "c": torch.zeros(N, 0)}, [("x",)]),  # no labels, as StyleGAN has it
        ((IMAGES, np.arange(N), np.zeros(3)), [(0,), (1,)]),
        ((IMAGES, RAGGED), [(0,), (1,)]),
        ((IMAGES, BOXES), [(0,), (1,)]),
        ((IMAGES, [{"boxes": torch.zeros(k + 5, 4)} for k in range(N)]), [(0,), (1,)]),
        ((IMAGES, [tuple(TEXTS)] * 5), [(0,), *((1, k) for k in range(5))]),  # five captions each, as collated
        ((IMAGES, [tuple(TEXTS)] * N), [(0,), *((1, k) for k in range(N))]),
        ([IMAGES[:2], torch.zeros(2)], [(0,), (1,)]),  # as many fields as rows
    ],
)
def test_what_there_is_of_each_row_is_found(batch, expected):
    n = 2 if isinstance(batch, list) and len(batch[0]) == 2 else N
    assert list(fields(batch, n)) == expected


def test_rows_are_put_whole_into_a_copy_and_nothing_else_moves():
    batch = {
        "x": [IMAGES, -IMAGES], "text": tuple(TEXTS), "id": IDS, "ragged": RAGGED, "array": np.arange(N) * 2.0,
        "objects": [object() for _ in range(N)], "weights": torch.ones(3), "site": "A",
    }  # fmt: skip
    found = fields(batch, N)
    before = [value.clone() for value in (IMAGES, IDS)]
    new = with_rows(batch, [0, 3], [row_of(found, 2), row_of(found, 1)])
    order = [2, 1, 2, 1]
    assert torch.equal(new["x"][0], IMAGES[order]) and torch.equal(new["x"][1], -IMAGES[order])
    assert new["text"] == ("c", "b", "c", "b") and new["id"].tolist() == [7, 6, 7, 6]
    assert all(new["ragged"][i] is RAGGED[order[i]] for i in range(N)) and type(new["ragged"]) is list
    assert new["array"].tolist() == [4, 2, 4, 2] and new["objects"] == [batch["objects"][i] for i in order]
    assert new["weights"] is batch["weights"] and new["site"] == "A"
    assert all(torch.equal(old, value) for old, value in zip(before, (IMAGES, IDS), strict=True))
    assert batch["text"] == tuple(TEXTS) and batch["array"].tolist() == [0, 2, 4, 6] and batch["x"][0] is IMAGES


def test_rows_that_need_gradients_are_copied_without():
    batch = (IMAGES.clone().requires_grad_(True), TEXTS)
    new = with_rows(batch, [1], [row_of(fields(batch, N), 0)])
    assert not new[0].requires_grad and batch[0].requires_grad


def test_nothing_has_the_type_of_what_it_stands_for():
    assert blank(IMAGES).shape == IMAGES.shape and not blank(IMAGES).any() and blank(IDS).dtype == IDS.dtype
    assert not blank(IMAGES / 0).any() and blank(torch.tensor(True)).dtype == torch.bool
    assert (
        blank(np.float64(3)) == 0
        and blank(np.int64(3)) == 0
        and blank(np.array(["a"])[0]) == ""
        and blank(b"x") == b""
        and blank(True) is False
        and blank([1]) is None
    )


def test_blank_rows_fit_into_every_field():
    batch = (IMAGES / 0, IDS, IDS > 6, np.arange(N), np.array(TEXTS), TEXTS, BOXES)
    row = {path: blank(value) for path, value in row_of(fields(batch, N), 1).items()}
    new = with_rows(batch, [1], [row])
    assert not new[0][1].any() and new[1].tolist() == [5, 0, 7, 8] and new[2].tolist() == [False, False, True, True]
    assert new[3].tolist() == [0, 0, 2, 3] and new[4].tolist() == ["a", "", "c", "d"] == new[5] and new[6][1] is None


def test_paths_lead_to_what_is_there():
    batch = {"a": [IMAGES, (TEXTS, IDS)]}
    get, put = at(("a", 1, 1))
    assert get(batch) is IDS and put(batch, 0) == {"a": [IMAGES, (TEXTS, 0)]} and get(batch) is IDS


def test_describe_shows_shapes_and_types():
    assert describe([IMAGES, {"y": IDS}]) == "list((4, 1, 2, 2) float32, dict(y: (4,) int64))"
