"""The audits of a finished run, on its original, unlearned and retrained GAN; their verdicts enter its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from ignite_unlearn import __version__
from ignite_unlearn.audits import AuditResult, Leftovers, audit_gans
from ignite_unlearn.record.figures import FIGURES
from ignite_unlearn.record.folder import refuse_changed, write_record
from ignite_unlearn.record.record import Record
from ignite_unlearn.runs.finished import Finished
from ignite_unlearn.runs.kept_audits import KeptAudits
from ignite_unlearn.runs.limits import limits
from ignite_unlearn.runs.pictures import safe_picture
from ignite_unlearn.runs.provenance import Fingerprint, read_note
from ignite_unlearn.utils.locks import locked_folder

_STAY = {"unlearned.pt", "unlearned.safetensors", "retrained.pt", "record.html", "record.json", "stages.json"}


def audit_run(finished: Finished, *, files: bool = True) -> Record:
    """Audits a finished run, and writes its record anew; results of audits that were stopped are taken up.

    Args:
        finished: the run.
        files: whether its folder is searched for leftovers too, which takes a minute for a class.

    Raises:
        UnlearningError: if another run holds the folder, a GAN is missing, or a file cannot be written.
    """
    with locked_folder(finished.run.out):
        return _audit_run(finished, files)


def _audit_run(finished: Finished, files: bool) -> Record:
    run, recipe, split, out = finished.run, finished.run.recipe, finished.run.split, finished.run.out
    refuse_changed(out)
    gans, instruments = finished.gans(), finished.instruments()
    plan = recipe.task.audits(split, instruments, gans, recipe.training, recipe.audits)
    kept = KeptAudits(out, _made_by(finished))
    found = audit_gans(gans, list(map(kept.kept, plan)), progress=run.progress)
    if files:
        leftovers = Leftovers(
            out, stay=_STAY, forgotten=split.forget[0], original=gans["original"], at_most=recipe.audits.compared
        )
        found["unlearned"].append(leftovers(gans["unlearned"]))
    told = limits(recipe.task.kind, recipe.task.limits(instruments), audited=True)
    record = write_record(
        out, _with(finished.record, found, told), safe_picture(gans, recipe.task, split, instruments.classifier)
    )
    kept.clear()
    return record


def _made_by(finished: Finished) -> Fingerprint:
    run = finished.run
    budget = {f"audits_{name}": value for name, value in asdict(run.recipe.audits).items()}
    judges = read_note(run.out, "judges") or {}
    made = {"version": __version__, "recipe": run.recipe.name, "seed": run.seed, "judges": judges.get("sha256")}
    return Fingerprint({**made, "data": run.data_sha256, **run.options, **budget})


def _with(record: Record, found: Mapping[str, list[AuditResult]], told: Sequence[str]) -> Record:
    metrics: dict[str, Any] = {name: dict(numbers) for name, numbers in record.metrics.items() if numbers}
    for name, results in found.items():
        for result in results:
            for key in (figure.key for figure in FIGURES.values() if figure.audit == result.key):
                metrics[name] |= {key: result.value, f"{key}_low": result.low, f"{key}_high": result.high}
    audits = {name: [result.as_dict() for result in results] for name, results in found.items()}
    return replace(record, metrics=metrics, audits=audits, limits=told)
