"""A run that is killed at any of its file operations ends, resumed, as one that was not."""

import json
from dataclasses import replace
from functools import partial

import pytest
import torch

import ignite_unlearn.runs.checkpoints as stages
from ignite_unlearn.metrics.classifier import ClassifierTraining
from ignite_unlearn.recipes.audit_budget import AuditBudget
from ignite_unlearn.recipes.tasks import instruments as instruments_module
from ignite_unlearn.record.record import Record
from ignite_unlearn.runs.audits import audit_run
from ignite_unlearn.runs.finished import Finished
from ignite_unlearn.runs.pipeline import carry_out
from ignite_unlearn.runs.provenance import nets_sha256
from ignite_unlearn.utils.files import read_weights
from tests.death import killed_at, operations_of
from tests.runs.test_run import SHORT, request

FEW = (*SHORT, "iterations=4", "later=1")
MOST = 400  # operations that a run is killed at


def go(out, *, resume=False):
    """Carries a run out and audits it, which depends on no draw before and moves none after."""
    stream = torch.get_rng_state()
    run = request(out, settings=FEW, retrain=True, resume=resume)
    run = replace(run, recipe=replace(run.recipe, audits=AuditBudget(restarts=2, give_up=2, compared=10)))
    record = audit_run(Finished(run, carry_out(run)), files=False)
    assert torch.equal(torch.get_rng_state(), stream)
    return record


def result(out, record):
    made = ("original", "unlearned", "retrained", "judges")
    weights = {name: nets_sha256(read_weights(out / f"{name}.pt")) for name in made}
    audits = {gan: [(found["key"], found["value"]) for found in results] for gan, results in record.audits.items()}
    known = {name: seconds is not None for name, seconds in record.seconds.items()}
    files = sorted(path.name for path in out.iterdir())
    return weights, record.metrics, audits, known, json.loads(json.dumps(record.curves)), files


@pytest.fixture(autouse=True, scope="module")
def quick():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(instruments_module, "_EPOCHS", 1)
        patched.setattr(instruments_module, "ClassifierTraining", partial(ClassifierTraining, batch_size=512))
        patched.setattr(stages, "_SAVE_EVERY", 0.0)
        yield


@pytest.fixture(scope="module")
def whole(quick, tmp_path_factory):
    """What a run comes to that nobody kills, and its number of file operations."""
    out = tmp_path_factory.mktemp("whole") / "run"
    operations = operations_of(out, partial(go, out))
    return result(out, Record.read(out)), operations


def kill_and_resume(tmp_path, whole, operations):
    expected, last = whole
    for operation in operations:
        out = tmp_path / str(operation) / "run"  # nothing beside it to be copied
        out.parent.mkdir()
        assert killed_at(out, operation, partial(go, out)) == (operation < last), operation
        go(out, resume=True)
        assert result(out, Record.read(out)) == expected, operation  # as it reads: what was not measured is None
        print(f"operation {operation} of {last}: the same")


def test_a_run_that_was_killed_ends_as_one_that_was_not(tmp_path, whole):
    kill_and_resume(tmp_path, whole, (20, 100))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, MOST, 10))
def test_a_run_may_be_killed_at_every_file_operation(tmp_path, whole, first):
    assert 100 < whole[1] <= MOST  # else operations are left out
    kill_and_resume(tmp_path, whole, range(first, min(first + 10, whole[1])))
