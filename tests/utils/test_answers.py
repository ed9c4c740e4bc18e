import pytest
import torch

from ignite_unlearn import UnlearningError
from ignite_unlearn.utils.answers import answer, rows_of


def _looks_up(images):
    return {}["features"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: None, r"features cannot be called with \(.*\): .*takes 0 positional arguments"),
        (_looks_up, r"features, called with \(.*\), ended in KeyError: 'features'\."),
        (torch.nn.Linear(5, 2), r"features, called with \(.*\), ended in RuntimeError: mat1 and mat2"),
        (lambda images: 1 / 0, ZeroDivisionError),
    ],
    ids=["too many arguments", "a fault inside", "a net of other shapes", "what is no fault of a call"],
)
def test_a_call_that_python_refuses_is_told_apart_from_a_fault_inside_of_it(call, said):
    kind, match = (UnlearningError, said) if isinstance(said, str) else (said, None)
    with pytest.raises(kind, match=match):
        answer("features", rows_of(2), call, torch.zeros(2, 3))
