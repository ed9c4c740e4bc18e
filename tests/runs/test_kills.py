"""A run that is killed at any of its file operations ends, resumed, as one that was not."""

import json
import os
import sys
from dataclasses import replace
from functools import partial

import pytest
import torch

import ignite_unlearn.runs.checkpoints as stages
from ignite_unlearn.metrics.classifier import ClassifierTraining
from ignite_unlearn.recipes.audit_budget import AuditBudget
from ignite_unlearn.recipes.tasks import instruments as instruments_module
from ignite_unlearn.runs.audits import audit_run
from ignite_unlearn.runs.finished import Finished
from ignite_unlearn.runs.pipeline import carry_out
from ignite_unlearn.runs.provenance import nets_sha256
from ignite_unlearn.utils.files import read_weights
from tests.runs.test_run import SHORT, request

FEW = (*SHORT, "iterations=4", "later=1")
MANY, MOST = 10**9, 200  # more operations than any run has, and as many as are killed at
WRITING = {"open": 0, "os.rename": 0, "os.remove": 0, "os.mkdir": 0, "os.chmod": 0}  # which argument is the path


class Killed(BaseException):
    """Stands for SIGKILL: from here on nothing is written, not even what cleans up."""


class Death:
    """Raises at the so manieth file operation in a folder, and at all after it."""

    folder = None

    def __call__(self, event, args):
        if self.folder is None or event not in WRITING or not str(args[0]).startswith(self.folder):
            return
        if event == "open" and not (args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
            return
        self.left -= 1
        if self.left < 0:
            raise Killed


DEATH = Death()
sys.addaudithook(DEATH)  # for good: Python takes none away


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


def killed_at(out, operation):
    """Whether a run was killed at an operation; else it came to its end before."""
    DEATH.folder, DEATH.left = str(out), operation
    try:
        go(out)
    except Killed:
        return True
    finally:
        DEATH.folder = None
    return False


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
    DEATH.folder, DEATH.left = str(out), MANY
    try:
        record = go(out)
    finally:
        DEATH.folder = None
    return result(out, record), MANY - DEATH.left


def kill_and_resume(tmp_path, whole, operations):
    expected, last = whole
    for operation in operations:
        out = tmp_path / str(operation) / "run"  # nothing beside it to be copied
        out.parent.mkdir()
        assert killed_at(out, operation) == (operation < last), operation
        assert result(out, go(out, resume=True)) == expected, operation
        print(f"operation {operation} of {last}: the same")


def test_a_run_that_was_killed_ends_as_one_that_was_not(tmp_path, whole):
    kill_and_resume(tmp_path, whole, (20, 100))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, MOST, 10))
def test_a_run_may_be_killed_at_every_file_operation(tmp_path, whole, first):
    assert 100 < whole[1] <= MOST  # else operations are left out
    kill_and_resume(tmp_path, whole, range(first, min(first + 10, whole[1])))
