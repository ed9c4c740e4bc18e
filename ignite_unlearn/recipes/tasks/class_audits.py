"""The audits of a run that forgets classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import torch

from ignite_unlearn.audits import Audit, ByOtherLabels, Membership, NotTested, NullDirections, Realism, Recovery
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.metrics.classes import PUL, ClassShare
from ignite_unlearn.recipes.audit_budget import AuditBudget
from ignite_unlearn.recipes.data.split import Split
from ignite_unlearn.recipes.tasks.instruments import Instruments
from ignite_unlearn.recipes.tasks.relearning import FromOwnRow, relearning, with_fresh_rows
from ignite_unlearn.recipes.training.training import Training

_HALF = 0.5  # of the original's level counts as back: not every GAN comes further in the iterations allowed
_SEED = 0  # of the images that tell the original's level
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

    with borrow(seed=_SEED):  # a level that any earlier draw could move would make of one run two verdicts
        reached = _HALF * level(gans["original"])
    own_row, fresh_row = (
        relearning(split, training, level, reached=reached, give_up=budget.give_up, begin=begin)
        for begin in (lambda gan: None, partial(with_fresh_rows, classes=classes))
    )
    # Where a label begins and what the weights remember are told apart by rows that are drawn for all GANs alike.
    fresh_row = replace(fresh_row, key="relearning_fresh_row", title="relearning from a fresh row of the label")
    membership = Membership(
        images,
        data.unseen[unseen],
        labels=split.given(labels),
        unseen_labels=split.given(data.unseen_labels[unseen]),
    )
    retained = split.retain[1].unique().tolist()
    return [
        membership,
        *([replace(membership, attack=ByOtherLabels(retained))] if split.conditional else []),
        _recovery(classes, split, instruments, budget),
        NullDirections(),
        *([FromOwnRow(own_row, fresh_row), fresh_row] if split.conditional else [own_row]),
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
