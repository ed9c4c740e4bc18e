"""The audits of a finished run, on its original, unlearned and retrained GAN; their verdicts enter its record."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeAlias

from ignite_unlearn import __version__
from ignite_unlearn.audits import Audit, AuditResult, Leftovers, audit_gans
from ignite_unlearn.audits.result import key_of, not_tested, was_made
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.record.figures import FIGURES
from ignite_unlearn.record.folder import finish_record, refuse_changed, write_record
from ignite_unlearn.record.record import Record
from ignite_unlearn.runs.audit_times import AuditTimes, Followed
from ignite_unlearn.runs.finished import Finished
from ignite_unlearn.runs.kept_audits import KeptAudits
from ignite_unlearn.runs.limits import limits
from ignite_unlearn.runs.pictures import safe_picture
from ignite_unlearn.runs.provenance import Fingerprint, read_note
from ignite_unlearn.utils.choices import advice
from ignite_unlearn.utils.clock import duration
from ignite_unlearn.utils.locks import locked_folder
from ignite_unlearn.utils.printable import printable

logger = logging.getLogger(__name__)

_STAY = {"unlearned.pt", "unlearned.safetensors", "retrained.pt", "record.html", "record.json", "stages.json"}
_BAR = "{desc}: {n_fmt}/{total_fmt} [{elapsed}{postfix}]"  # audits take so unlike times that a mean would mislead
_SHOWN = 100  # signs of a key in a sentence
_NO_RETRAINED = (
    "This folder holds no retrained GAN, and without one hardly an audit has a verdict: `ignite-unlearn run ... "
    "--retrain --resume` trains it."
)

_Plan: TypeAlias = Mapping[Audit, tuple[str, ...]]  # audits, each with the names of the GANs that it is made of


def audit_run(
    finished: Finished, *, only: Collection[str] = (), files: bool = True, tell: Callable[[str], object] = str
) -> Record:
    """Audits a finished run, and writes its record anew; results of audits that were stopped are taken up.

    What the record holds of audits that are not made now stays in it; of those that never were it says so.

    Args:
        finished: the run.
        only: keys of the audits that are made; none: all are.
        files: whether its folder is searched for leftovers too, which takes a minute for a class.
        tell: is given the plan, some lines of text, before the first audit begins.

    Raises:
        UnlearningError: if there is no audit of a key, another run holds the folder, a GAN is missing, or a file cannot
            be written.
    """
    with locked_folder(finished.run.out):
        return _audit_run(finished, only, files, tell)


def _audit_run(finished: Finished, only: Collection[str], files: bool, tell: Callable[[str], object]) -> Record:
    run, recipe, split, out = finished.run, finished.run.recipe, finished.run.split, finished.run.out
    finish_record(out)
    refuse_changed(out)
    gans, instruments = finished.gans(), finished.instruments()
    plan = recipe.task.audits(split, instruments, gans, recipe.training, recipe.audits)
    search = Leftovers(
        out, stay=_STAY, forgotten=split.forget[0], original=gans["original"], at_most=recipe.audits.compared
    )
    every: dict[Audit, tuple[str, ...]] = dict.fromkeys(plan, tuple(gans))
    every |= {search: ("unlearned",)} if files else {}
    chosen = _chosen(every, only, recipe.name)
    rest = [audit.key for audit, names in chosen.items() for _ in names]
    times = AuditTimes(out, str(run.device))
    tell(_plan(every, chosen, times))
    kept = KeptAudits(out, _made_by(finished), times)
    try:
        with run.progress.bar(len(rest), "audits", bar_format=_BAR) as bar:

            def done() -> None:
                logger.info("The audit %s of a GAN was made; left: %s.", rest.pop(0), times.left(rest))
                bar.update()
                bar.set_postfix_str(f"left: {times.left(rest)}")

            made = [Followed(kept.kept(audit), done) for audit in chosen if audit is not search]
            found = audit_gans(gans, made, progress=False)
            if search in chosen:
                with times.timing(search.key):
                    found["unlearned"].append(search(gans["unlearned"]))
                done()
    finally:
        times.note()
    record = _with(finished.record, found, every)
    told = [*limits(recipe.task.kind, recipe.task.limits(instruments), audited=True), *_never_made(record)]
    shown = safe_picture(gans, recipe.task, split, instruments.classifier)
    record = write_record(out, replace(record, limits=told), shown)
    kept.clear([audit.key for audit in chosen])
    return record


def _made_by(finished: Finished) -> Fingerprint:
    run = finished.run
    budget = {f"audits_{name}": value for name, value in asdict(run.recipe.audits).items()}
    judges = read_note(run.out, "judges") or {}
    made = {"version": __version__, "recipe": run.recipe.name, "seed": run.seed, "judges": judges.get("sha256")}
    return Fingerprint({**made, "data": run.data_sha256, **run.options, **budget})


def _chosen(every: _Plan, only: Collection[str], recipe: str) -> _Plan:
    known = [audit.key for audit in every]
    for key in only:
        if key not in known:
            raise UnlearningError(
                f"--only {printable(key, at_most=_SHOWN)} is no audit of {recipe}: {advice(key, known)}"
            )
    return {audit: names for audit, names in every.items() if audit.key in only or not only}


def _plan(every: _Plan, chosen: _Plan, times: AuditTimes) -> str:
    """Returns which audits are made, and how long they take as far as that was measured."""
    left_out = [audit.key for audit in every if audit not in chosen]
    width = max(len(audit.key) for audit in chosen)
    lines = []
    for audit, names in chosen.items():
        seconds = times.of(audit.key)
        took = "not timed here yet" if seconds is None else duration(seconds * len(names))
        lines.append(f"  {audit.key:{width}}  {took}")
    known = sum(seconds * len(names) for audit, names in chosen.items() if (seconds := times.of(audit.key)) is not None)
    in_all = f"; those that were timed here: {duration(known)}" if known else ""
    lines = [f"audits to be made{in_all} (--only KEY makes some of them)", *lines]
    lines += [f"left out: {', '.join(left_out)}"] if left_out else []
    if not any("retrained" in names for names in every.values()):
        lines.append(_NO_RETRAINED)
    return "\n".join(lines)


def _with(record: Record, found: Mapping[str, Sequence[AuditResult]], every: _Plan) -> Record:
    """Returns the record with what was found; what it holds of other audits stays, and of those of none it says so."""
    metrics: dict[str, Any] = {name: dict(numbers) for name, numbers in record.metrics.items() if numbers}
    audits: dict[str, list[Mapping[str, Any]]] = {}
    for name, results in found.items():
        for result in results:
            for key in (figure.key for figure in FIGURES.values() if figure.audit == result.key):
                metrics[name] |= {key: result.value, f"{key}_low": result.low, f"{key}_high": result.high}
        planned = (audit for audit, names in every.items() if name in names)
        by_key: dict[str, Mapping[str, Any]] = {a.key: not_tested(a, "it was left out").as_dict() for a in planned}
        by_key |= {key_of(before): before for before in record.audits.get(name, ())}
        audits[name] = list({**by_key, **{result.key: result.as_dict() for result in results}}.values())
    return replace(record, metrics=metrics, audits=audits)


def _never_made(record: Record) -> list[str]:
    names = [str(result["audit"]) for result in record.audits["unlearned"] if not was_made(result)]
    return [f"What audits would have found that were not made: {', '.join(names)}."] if names else []
