"""The audits of a finished run, on its original, unlearned and retrained GAN; their verdicts enter its record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial, wraps
from typing import Any

import torch
from torch import Tensor

from ignite_unlearn.audits.leftovers import in_folder, only_of
from ignite_unlearn.audits.membership import membership, monte_carlo, nearest_sample, set_membership
from ignite_unlearn.audits.plan import Audit, audit_gans
from ignite_unlearn.audits.realism import Realism
from ignite_unlearn.audits.reconstruction import reconstruction
from ignite_unlearn.audits.recovery import recovery
from ignite_unlearn.audits.relearning import relearning
from ignite_unlearn.audits.result import AuditResult
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.metrics.classes import PUL, ClassShare
from ignite_unlearn.metrics.membership import DiscriminatorScore, auc
from ignite_unlearn.runs.finished import Finished
from ignite_unlearn.runs.limits import limits
from ignite_unlearn.runs.pictures import safe_picture
from ignite_unlearn.runs.run import Run
from ignite_unlearn.recipes.tasks.instruments import Instruments
from ignite_unlearn.recipes.training.gan_training import GANTraining
from ignite_unlearn.record.content import Record
from ignite_unlearn.record.folder import refuse_changed, write_record

_BACK = 0.9  # the share of the way from chance to the original's level that counts as back
_COMPARED = 500  # unseen images in attacks that invert, and in the levels of relearning; forgotten ones in leftovers
_GIVE_UP = 600  # iterations of relearning
_RESTARTS = 128  # searches that try to recover a class
_SHOWN = 1000  # images of an unconditional GAN that tell how many show a forgotten class
_STAY = {"unlearned.pt", "unlearned.safetensors", "retrained.pt", "record.html", "record.json", "stages.json"}
_KEPT = {"relearning": "relearn_iterations", "recovery by search": "recovery_share"}


def audit_run(finished: Finished, *, files: bool = True) -> Record:
    """Audits a finished run, and writes its record anew.

    Args:
        finished: the run.
        files: whether its folder is searched for leftovers too, which takes a minute for a class.

    Raises:
        UnlearningError: if a GAN is missing, or a file cannot be written.
    """
    refuse_changed(finished.run.out)
    run, gans, instruments = finished.run, finished.gans(), finished.instruments()
    plan = _item_audits(run, gans) if run.recipe.task.kind == "items" else _class_audits(run, gans, instruments)
    found = audit_gans(gans, plan, progress=run.progress)
    if files:
        found["unlearned"].append(_leftovers(run, gans))
    record = _with(finished.record, found, instruments, run)
    return write_record(run.out, record, safe_picture(gans, run.recipe.task, run.split, instruments.classifier))


def _item_audits(run: Run, gans: Mapping[str, GAN]) -> list[Audit]:
    split = run.split
    (items, _), (unseen, _), (reference, _) = split.forget, split.scoring, split.calibration
    few = unseen[:_COMPARED]

    def level(gan: GAN) -> float:
        score = DiscriminatorScore(gan)
        return auc(score(items).cpu(), score(few).cpu())

    return [
        partial(membership, items=items, unseen=unseen),
        partial(membership, items=items, unseen=unseen, attack=partial(nearest_sample, reference=reference)),
        partial(membership, items=items, unseen=unseen, attack=monte_carlo),
        partial(set_membership, items=items, unseen=unseen, attack=monte_carlo),
        partial(reconstruction, items=items, unseen=few),
        _relearning(run, level, 0.5 + _BACK * (level(gans["original"]) - 0.5)),
    ]


def _class_audits(run: Run, gans: Mapping[str, GAN], instruments: Instruments) -> list[Audit]:
    data, classes = run.split.data, run.recipe.task.classes
    unseen = torch.isin(data.unseen_labels, torch.tensor(classes, device=data.unseen_labels.device))
    images, labels = run.split.forget
    asked = torch.tensor(classes).repeat_interleave(200)

    def level(gan: GAN) -> float:
        if gan.labels is None:
            shown = PUL(instruments.classifier, classes)
            shown.update(gan.sample(_SHOWN))
            return shown.share()
        share = ClassShare(instruments.classifier)
        share.update((gan.sample(len(asked), asked), asked))
        return share.compute()

    return [
        partial(
            membership,
            items=images,
            unseen=data.unseen[unseen],
            labels=run.split.given(labels),
            unseen_labels=run.split.given(data.unseen_labels[unseen]),
        ),
        _recovery(run, instruments),
        _relearning(run, level, _BACK * level(gans["original"])),
    ]


def _recovery(run: Run, instruments: Instruments) -> Audit:
    """Returns the audit; that there are too few images to know a real one by is said when it is made."""

    @wraps(recovery)
    def search(gan: GAN, *, judge: AuditResult | None = None) -> AuditResult:
        return recovery(
            gan,
            instruments.guide,
            run.recipe.task.classes,
            confirm=instruments.classifier,
            realistic=Realism(instruments.extractor.model, run.split.forget[0]),
            restarts=_RESTARTS,
            judge=judge,
            progress=False,
        )

    return search


def _relearning(run: Run, level: Callable[[GAN], float], reached: float) -> Audit:
    """Returns the audit with the recipe's own learning step, on batches of which half are of the forget set."""
    data, forgotten, size = run.split.data, run.split.forgotten, run.recipe.training.batch_size
    kinds = [mask.nonzero().flatten() for mask in (forgotten, ~forgotten)]

    def learn(gan: GAN) -> Callable[[], object]:
        training = GANTraining(gan, run.recipe.training, unlearning=True)

        def step() -> None:
            chosen = torch.cat([rows[torch.randint(len(rows), (size // 2,)).to(rows.device)] for rows in kinds])
            training.learn((data.images[chosen], data.labels[chosen]))

        return step

    options: dict[str, Any] = {"reached": reached, "every": 5, "max_iterations": _GIVE_UP, "progress": False}
    return partial(relearning, learn=learn, level=level, **options)


def _leftovers(run: Run, gans: Mapping[str, GAN]) -> AuditResult:
    """Returns the files that still derive from the forget set; a copy of an image in one that stays is a failure."""
    forgotten: Tensor = run.split.forget[0]
    searched = forgotten[:_COMPARED]
    found = in_folder(run.out, _STAY, searched, original=only_of(gans["original"], gans["unlearned"]))
    names = [leftover.where.rpartition("/")[2] for leftover in found]
    told = "; ".join(f"{name} ({leftover.why})" for name, leftover in zip(names, found, strict=True))
    count, copied = len(found), [name for name, left in zip(names, found, strict=True) if left.certain]
    said = f"found: {count} file{'s' * (count != 1)} to delete" + (f": {told}" if told else "")
    if len(searched) < len(forgotten):
        said += f" ({len(searched)} of {len(forgotten)} images sought)"
    details = {"near_copies": len(copied), "images_sought": len(searched), "files": names}
    passed = False if set(copied) & _STAY else None
    return AuditResult("leftovers in the run folder", "files", float(count), None, None, passed, said, details)


def _with(record: Record, found: Mapping[str, list[AuditResult]], instruments: Instruments, run: Run) -> Record:
    metrics: dict[str, Any] = {name: dict(numbers) for name, numbers in record.metrics.items() if numbers}
    for name, results in found.items():
        for result in results:
            if result.audit in _KEPT:
                key = _KEPT[result.audit]
                metrics[name] |= {key: result.value, f"{key}_low": result.low, f"{key}_high": result.high}
    task = run.recipe.task
    return replace(
        record,
        metrics=metrics,
        audits={name: [result.as_dict() for result in results] for name, results in found.items()},
        limits=limits(task.kind, task.limits(instruments), audited=True),
    )
