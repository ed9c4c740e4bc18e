"""What was carried out already: a run that is asked for again, to go on, is not made twice."""

from __future__ import annotations

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.record.folder import verify
from ignite_unlearn.record.keys import keyed_sha256, read_key
from ignite_unlearn.record.record import Record, versions
from ignite_unlearn.runs.provenance import Fingerprint, read_note
from ignite_unlearn.runs.run import Run


def done(run: Run) -> Record | None:
    """Returns the record in a run's folder where it is of this very run, and of the files that lie there; else None.

    Args:
        run: the run; of one that shall not be resumed there is none.
    """
    if not run.resume:
        return None
    try:
        record = Record.read(run.out)
        whole = all(found == "as recorded" for _, found in verify(run.out))
        same = whole and _of(run, record)
    except UnlearningError:
        return None
    if not same:
        return None
    for left in run.out.glob("*.checkpoint.pt"):  # by a run that ended between its record and its last line
        left.unlink(missing_ok=True)
    return record


def _of(run: Run, record: Record) -> bool:
    asked = Fingerprint({"recipe": run.recipe.name, "seed": run.seed, **run.options})
    noted = {"recipe": record.recipe, "seed": record.seed, **record.method.get("options", {})}
    note = read_note(run.out, "original") or {}
    return (
        not asked.differences(noted)
        and not run.original.fingerprint.differences(note.get("fingerprint"))
        and record.forget.get("hmac_sha256") == keyed_sha256(read_key(run.out), run.split.forget[0])
        and record.forget.get("earlier_requests", 0) == len(run.earlier.entries)
        and record.versions == versions()
        and dict(record.request) == dict(run.origin)
        and (record.metrics.get("retrained") is not None) >= run.retrain
    )
