"""The audits of a run that forgets single images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ignite_unlearn.audits import (
    Audit,
    ByDiscriminatorScore,
    ByMonteCarlo,
    ByNearestSample,
    LayerProbes,
    Membership,
    NullDirections,
    Quantized,
    Reconstruction,
    SetMembership,
)
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.metrics.membership import DiscriminatorScore, auc
from ignite_unlearn.recipes.audit_budget import AuditBudget
from ignite_unlearn.recipes.data.split import Split
from ignite_unlearn.recipes.tasks.relearning import BACK, relearning
from ignite_unlearn.recipes.training.training import Training

_CHANCE = 0.5


def item_audits(split: Split, gans: Mapping[str, GAN], training: Training, budget: AuditBudget) -> list[Audit]:
    """Returns what a GAN that forgot items is to pass; see :meth:`.Task.audits`."""
    (items, classes), (unseen, unseen_classes), (retained, retained_classes) = split.forget, split.scoring, split.retain
    labels, unseen_labels = split.given(classes), split.given(unseen_classes)
    few, few_labels = unseen[: budget.compared], split.given(unseen_classes[: budget.compared])
    told: dict[str, Any] = {"labels": labels, "unseen_labels": unseen_labels}

    def level(gan: GAN) -> float:
        score = DiscriminatorScore(gan)
        return auc(score(items, labels).cpu(), score(few, few_labels).cpu())

    reached = _CHANCE + BACK * (level(gans["original"]) - _CHANCE)
    by_score, by_samples = (
        Membership(items, unseen, attack=attack, **told)
        for attack in (ByDiscriminatorScore(), ByNearestSample(calibration=split.calibration[0]))
    )
    return [
        by_score,
        by_samples,
        Membership(items, unseen, attack=ByMonteCarlo(), **told),
        SetMembership(items, unseen, **told),
        Reconstruction(items, few, labels=labels, unseen_labels=few_labels),
        LayerProbes(items, unseen, retained, retained_labels=split.given(retained_classes), **told),
        Quantized(by_score),
        Quantized(by_samples),
        NullDirections(),
        relearning(split, training, level, reached=reached, give_up=budget.give_up),
    ]
