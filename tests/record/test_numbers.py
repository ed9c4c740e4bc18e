import numpy as np
import pytest
import torch

from ignite_unlearn.record.numbers import as_numbers


@pytest.mark.parametrize(
    "value",
    [1, 1.0, True, np.float64(1), np.float32(1), np.int64(1), np.bool_(True), torch.tensor(1.0), torch.tensor([1]),
     torch.tensor(True), np.array(1.0), np.array([1.0]), torch.tensor(1.0, requires_grad=True)],
)  # fmt: skip
def test_whatever_is_one_number_is_taken(value):
    numbers, problems = as_numbers({"fid": value})
    assert numbers == {"fid": 1} and type(numbers["fid"]) in (int, float) and not problems


@pytest.mark.parametrize("value", ["1", [1.0], torch.ones(2), np.ones((2, 2)), {}, object(), 1j, b"1"])
def test_what_is_none_is_named_and_left_out(value):
    numbers, (problem,) = as_numbers({"fid": value, "kid": 2})
    assert numbers == {"kid": 2} and problem.startswith("'fid' is ") and "expected one number" in problem


def test_a_number_that_is_not_known_stays_unknown_and_what_is_no_dict_is_said():
    assert as_numbers({"fid": None}) == ({"fid": None}, [])
    assert as_numbers(3.0)[1] == ["measure returned a float: expected a dict of numbers by name."]
