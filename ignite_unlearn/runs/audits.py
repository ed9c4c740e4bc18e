"""The audits of a finished run, on its original, unlearned and retrained GAN; their verdicts enter its record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch

from ignite_unlearn.audits import (
    Audit,
    AuditResult,
    ByMonteCarlo,
    ByNearestSample,
    Leftovers,
    Membership,
    NotTested,
    Realism,
    Reconstruction,
    Recovery,
    Relearning,
    SetMembership,
    audit_gans,
)
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.metrics.classes import PUL, ClassShare
from ignite_unlearn.metrics.membership import DiscriminatorScore, auc
from ignite_unlearn.recipes.audit_budget import AuditBudget
from ignite_unlearn.recipes.training.gan_training import GANTraining
from ignite_unlearn.record.record import Record
from ignite_unlearn.record.figures import FIGURES
from ignite_unlearn.record.folder import refuse_changed, write_record
from ignite_unlearn.runs.finished import Finished
from ignite_unlearn.runs.judges import Judges
from ignite_unlearn.runs.limits import limits
from ignite_unlearn.runs.request import Request
from ignite_unlearn.runs.samples import safe_picture

BUDGET = AuditBudget()
_BACK = 0.9  # the share of the way from chance to the original's level that counts as back
_STAY = {"unlearned.pt", "unlearned.safetensors", "retrained.pt", "record.html", "record.json", "stages.json"}


def audit_run(finished: Finished, *, files: bool = True) -> Record:
    """Audits a finished run, and writes its record anew.

    Args:
        finished: the run.
        files: whether its folder is searched for leftovers too, which takes a minute for a class.

    Raises:
        UnlearningError: if a GAN is missing, or a file cannot be written.
    """
    refuse_changed(finished.request.out)
    request, gans, judges = finished.request, finished.gans(), finished.judges()
    plan = _item_audits(request, gans) if request.recipe.forgets_items else _class_audits(request, gans, judges)
    found = audit_gans(gans, plan, progress=request.progress)
    if files:
        leftovers = Leftovers(
            request.out,
            stay=_STAY,
            forgotten=request.data.images[request.forgotten],
            original=gans["original"],
            at_most=BUDGET.compared,
        )
        found["unlearned"].append(leftovers(gans["unlearned"]))
    record = _with(finished.record, found, judges, request)
    return write_record(request.out, record, safe_picture(request, gans, judges.classifier))


def _item_audits(request: Request, gans: Mapping[str, GAN]) -> list[Audit]:
    items, (unseen, _), (calibration, _) = request.data.images[request.forgotten], request.scoring, request.calibration
    few = unseen[: BUDGET.compared]

    def level(gan: GAN) -> float:
        score = DiscriminatorScore(gan)
        return auc(score(items).cpu(), score(few).cpu())

    return [
        Membership(items, unseen),
        Membership(items, unseen, attack=ByNearestSample(calibration=calibration)),
        Membership(items, unseen, attack=ByMonteCarlo()),
        SetMembership(items, unseen),
        Reconstruction(items, few),
        _relearning(request, level, 0.5 + _BACK * (level(gans["original"]) - 0.5)),
    ]


def _class_audits(request: Request, gans: Mapping[str, GAN], judges: Judges) -> list[Audit]:
    data, classes, forgotten = request.data, request.options["classes"], request.forgotten
    unseen = torch.isin(data.unseen_labels, torch.tensor(classes, device=data.unseen_labels.device))
    labels, unseen_labels = (
        (data.labels[forgotten], data.unseen_labels[unseen]) if request.recipe.conditional else (None, None)
    )
    asked = torch.tensor(classes).repeat_interleave(200)

    def level(gan: GAN) -> float:
        if gan.labels is None:
            shown = PUL(judges.classifier, classes)
            shown.update(gan.sample(BUDGET.shown))
            return shown.share()
        share = ClassShare(judges.classifier)
        share.update((gan.sample(len(asked), asked), asked))
        return share.compute()

    return [
        Membership(data.images[forgotten], data.unseen[unseen], labels=labels, unseen_labels=unseen_labels),
        _recovery(request, judges),
        _relearning(request, level, _BACK * level(gans["original"])),
    ]


def _recovery(request: Request, judges: Judges) -> Audit:
    """Returns the audit; with too few images to know a real one by, it is not tested."""
    try:
        realistic = Realism(judges.extractor.model, request.data.images[request.forgotten])
    except UnlearningError as error:
        return NotTested(Recovery.key, Recovery.title, str(error))
    return Recovery(
        judges.guide,
        request.options["classes"],
        confirm=judges.classifier,
        realistic=realistic,
        restarts=BUDGET.restarts,
        progress=False,
    )


def _relearning(request: Request, level: Callable[[GAN], float], reached: float) -> Audit:
    """Returns the audit with the recipe's own learning step, on batches of which half are of the forget set."""
    data, forgotten, size = request.data, request.forgotten, request.options["batch_size"]
    kinds = [mask.nonzero().flatten() for mask in (forgotten, ~forgotten)]

    def learn(gan: GAN) -> Callable[[], object]:
        training = GANTraining(
            gan.generator, gan.discriminator, request.recipe.learning_step, request.options, unlearning=True
        )

        def step() -> None:
            chosen = torch.cat([rows[torch.randint(len(rows), (size // 2,)).to(rows.device)] for rows in kinds])
            training.learn((data.images[chosen], data.labels[chosen]))

        return step

    return Relearning(learn, level, reached=reached, max_iterations=BUDGET.give_up, progress=False)


def _with(record: Record, found: Mapping[str, list[AuditResult]], judges: Judges, request: Request) -> Record:
    metrics: dict[str, Any] = {name: dict(numbers) for name, numbers in record.metrics.items() if numbers}
    for name, results in found.items():
        for result in results:
            for key in (figure.key for figure in FIGURES.values() if figure.audit == result.key):
                metrics[name] |= {key: result.value, f"{key}_low": result.low, f"{key}_high": result.high}
    kind = "items" if request.recipe.forgets_items else "classes"
    return replace(
        record,
        metrics=metrics,
        audits={name: [result.as_dict() for result in results] for name, results in found.items()},
        limits=limits(kind, judges.accuracy, audited=True),
    )
