import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ignite_unlearn import UnlearningError
from ignite_unlearn.audits.shadows import TargetStatus, draw_status, quantile_logits, two_halves


@given(st.integers(1, 30), st.integers(3, 40), st.integers(0, 9))
def test_each_status_has_a_third_of_each_shadow_and_of_each_target(shadows, targets, seed):
    status = draw_status(shadows, targets, seed=seed)
    assert status.shape == (shadows, targets)
    for which in TargetStatus:
        of_shadow, of_target = (status == which).sum(1), (status == which).sum(0)
        assert bool(((of_shadow - targets / 3).abs() < 1).all())
        assert bool(((of_target - shadows / 3).abs() < 1).all())
    assert torch.equal(draw_status(shadows + 4, targets, seed=seed)[:shadows], status)  # shadows can be added


def test_targets_do_not_go_together():
    status = draw_status(300, 30, seed=1)
    together = (status[:, :1] == status[:, 1:]).double().mean(0)
    assert bool((together > 0.2).all() and (together < 0.47).all())  # a third by chance


@given(st.integers(0, 99))
def test_halves_are_of_each_targets_out_shadows_only(seed):
    status = draw_status(11, 7, seed=seed)
    halves = two_halves(status, seed=seed)
    out = status == TargetStatus.OUT
    assert torch.equal(halves == TargetStatus.IN, ~out)
    first, second = ((halves == which).sum(0) for which in (TargetStatus.UNLEARNED, TargetStatus.OUT))
    assert torch.equal(first + second, out.sum(0))
    assert bool(((second - first) <= 1).all() and (first <= second).all())
    assert not torch.equal(halves, two_halves(status, seed=seed + 1))


def test_places_do_not_depend_on_a_discriminators_level_and_spread():
    scores, unseen = torch.randn(20).double(), torch.randn(200).double()
    found = quantile_logits(scores, unseen)
    assert torch.equal(found, quantile_logits(7 * scores - 3, 7 * unseen - 3))
    expected = [(int((unseen < s).sum()) + 0.5) / 201 for s in scores]
    torch.testing.assert_close(found, torch.logit(torch.tensor(expected, dtype=torch.float64)))
    ends = quantile_logits(torch.tensor([-99.0, 99.0]), unseen)
    torch.testing.assert_close(ends.exp(), torch.tensor([1 / 401, 401]).double())


@pytest.mark.parametrize("numbers", [(0, 9), (3, 2)])
def test_a_draw_of_nothing_is_refused(numbers):
    with pytest.raises(UnlearningError, match="three targets"):
        draw_status(*numbers)
