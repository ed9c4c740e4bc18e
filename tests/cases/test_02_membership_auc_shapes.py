"""MembershipAUC gave wrong numbers for masks and scores of other types and shapes, and for NaN."""

import pytest
import torch
from sklearn.metrics import roc_auc_score

from ignite_unlearn import UnlearningError
from ignite_unlearn.metrics.membership import MembershipAUC, auc, bootstrap

SCORES = torch.cat([torch.randn(50, generator=torch.Generator().manual_seed(0)) + 1.5,
                    torch.randn(50, generator=torch.Generator().manual_seed(1))])  # fmt: skip
MEMBER = torch.arange(100) < 50
RIGHT = roc_auc_score(MEMBER, SCORES)


def measure(mask, attack=lambda images, labels: images.flatten(), labels=None):
    metric = MembershipAUC(attack)
    order = torch.randperm(100)
    metric.update((SCORES[order], labels, mask[order]))
    return metric.compute()


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.uint8, torch.float32])
@pytest.mark.parametrize("shape", [(100,), (100, 1)])
def test_masks_of_every_type_give_the_same(dtype, shape):
    assert measure(MEMBER.to(dtype).view(shape)) == pytest.approx(RIGHT)


@pytest.mark.parametrize("shape", [(100,), (100, 1), (100, 1, 1, 1)])
def test_scores_may_come_as_a_column(shape):
    assert measure(MEMBER, lambda images, labels: images.view(shape)) == pytest.approx(RIGHT)


def with_nan(images, labels):
    return torch.where(torch.arange(100) < 10, torch.nan, images)


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        (lambda images, labels: torch.stack([-images, images], 1), r"shape \(100, 2\): expected one number an image"),
        (with_nan, "10 of 100 scores are NaN"),
        (lambda images, labels: images[:60], "60 scores for 100 images"),
        (lambda images, labels: images.mean(), r"shape \(\)"),
    ],
)
def test_scores_that_rank_nothing_are_refused(attack, message):
    with pytest.raises(UnlearningError, match=message):
        measure(MEMBER, attack)


@pytest.mark.parametrize(
    ("mask", "labels", "message"),
    [
        (torch.arange(100), None, "expected a mask"),
        (torch.zeros(100, 2), None, "expected a mask"),
        (MEMBER.float() * torch.nan, None, "expected a mask"),
        (torch.cat([MEMBER, MEMBER])[:120], None, None),
        (MEMBER, torch.zeros(90), "100 images but 90 labels"),
    ],
)
def test_masks_and_labels_that_do_not_fit_are_refused(mask, labels, message):
    metric = MembershipAUC(lambda images, labels: images)
    with pytest.raises(UnlearningError, match=message or "100 images but 120 is_member entries"):
        metric.update((SCORES, labels, mask))


def test_labels_for_some_batches_alone_are_refused():
    metric = MembershipAUC(lambda images, labels: images)
    metric.update((SCORES, torch.zeros(100), MEMBER))
    metric.update((SCORES, None, MEMBER))
    with pytest.raises(UnlearningError, match="labels for 100 of 200 images"):
        metric.compute()


def test_the_functions_beneath_look_as_well():
    assert auc(SCORES[:50, None], SCORES[50:].half()) == pytest.approx(auc(SCORES[:50], SCORES[50:].half()))
    for function in (auc, bootstrap):
        with pytest.raises(UnlearningError, match="NaN"):
            function(SCORES[:50], SCORES[50:] * torch.nan)
        with pytest.raises(UnlearningError, match="expected one number"):
            function(SCORES[:0], SCORES[50:])
