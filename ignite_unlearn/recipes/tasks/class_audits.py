"""The audits of a run that forgets classes."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ignite_unlearn.audits import Audit, Membership, NotTested, NullDirections, Realism, Recovery
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.metrics.classes import PUL, ClassShare
from ignite_unlearn.recipes.audit_budget import AuditBudget
from ignite_unlearn.recipes.data.split import Split
from ignite_unlearn.recipes.tasks.instruments import Instruments
from ignite_unlearn.recipes.tasks.relearning import BACK, relearning
from ignite_unlearn.recipes.training.training import Training

_ASKED = 200  # images of each class that tell how well a GAN shows it


def class_audits(
    classes: tuple[int, ...],
    split: Split,
    instruments: Instruments,
    gans: Mapping[str, GAN],
    training: Training,
    budget: AuditBudget,
) -> list[Audit]:
    """Returns what a GAN that forgot classes is to pass; see :meth:`.Task.audits`."""
    data, (images, labels) = split.data, split.forget
    unseen = torch.isin(data.unseen_labels, torch.tensor(classes, device=data.unseen_labels.device))
    asked = torch.tensor(classes).repeat_interleave(_ASKED)

    def level(gan: GAN) -> float:
        if gan.labels is None:
            shown = PUL(instruments.classifier, classes)
            shown.update(gan.sample(budget.shown))
            return shown.share()
        share = ClassShare(instruments.classifier)
        share.update((gan.sample(len(asked), asked), asked))
        return share.compute()

    reached = BACK * level(gans["original"])
    return [
        Membership(
            images,
            data.unseen[unseen],
            labels=split.given(labels),
            unseen_labels=split.given(data.unseen_labels[unseen]),
        ),
        _recovery(classes, split, instruments, budget),
        NullDirections(),
        relearning(split, training, level, reached=reached, give_up=budget.give_up),
    ]


def _recovery(classes: tuple[int, ...], split: Split, instruments: Instruments, budget: AuditBudget) -> Audit:
    """Returns the audit; with too few images to know a real one by, it is not tested."""
    try:
        realistic = Realism(instruments.extractor.model, split.forget[0])
    except UnlearningError as error:
        return NotTested(Recovery.key, Recovery.title, str(error))
    return Recovery(
        instruments.guide,
        classes,
        confirm=instruments.classifier,
        realistic=realistic,
        restarts=budget.restarts,
        progress=False,
    )
