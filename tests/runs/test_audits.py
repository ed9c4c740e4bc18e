import gzip
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ignite_unlearn import UnlearningError
from ignite_unlearn.audits import Leftovers, in_folder
from ignite_unlearn.recipes import load_recipe
from ignite_unlearn.recipes.audit_budget import AuditBudget
from ignite_unlearn.recipes.stock.digits_class import RECIPE as DIGITS
from ignite_unlearn.recipes.stock.mnist_items import RECIPE as ITEMS
from ignite_unlearn.recipes.tasks import instruments as instruments_module
from ignite_unlearn.record.folder import verify, write_record
from ignite_unlearn.record.record import GANS, Record
from ignite_unlearn.runs.audits import audit_run
from ignite_unlearn.runs.finished import Finished
from ignite_unlearn.runs.pipeline import carry_out
from ignite_unlearn.runs.progress import QUIET
from ignite_unlearn.runs.provenance import read_notes
from ignite_unlearn.runs.run import prepare_run
from ignite_unlearn.utils.files import read_weights, save_weights
from tests.recipes.given import on
from tests.recipes.test_class_gans import SHORT as SHORT_CLASS
from tests.recipes.test_class_gans import data
from tests.runs.test_run import SHORT

SHORT_ITEMS = (
    "iterations=12", "batch_size=8", "items=6", "unlearning_iterations=1", "candidates=32", "held_rows=16", "later=2",
    "samples=40",
)  # fmt: skip
FEW = AuditBudget(restarts=8, give_up=5, compared=40)


@pytest.fixture(autouse=True, scope="module")
def quick():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instruments_module, "_EPOCHS", 1)
        yield


def read(out, root):
    """A finished run whose audits may spend little."""
    run = (finished := Finished.read(out, data_root=root, device="cpu", progress=QUIET)).run
    return replace(finished, run=replace(run, recipe=replace(run.recipe, audits=FEW)))


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    out = tmp_path_factory.mktemp("digits")
    settings = (*SHORT, "batch_size=32")  # so that a batch holds some of the class
    carry_out(prepare_run(DIGITS, settings=settings, out=out, device="cpu", progress=QUIET, retrain=True))
    return out, None


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    """A run on files of MNIST's format that hold noise."""
    root, out = tmp_path_factory.mktemp("mnist"), tmp_path_factory.mktemp("items")
    random = np.random.default_rng(0)
    for name, header, content in (
        ("images-idx3-ubyte", (7500, 28, 28), random.integers(0, 256, (7500, 28, 28))),
        ("labels-idx1-ubyte", (7500,), random.integers(0, 10, 7500)),
    ):
        head = bytes([0, 0, 8, len(header)]) + np.array(header, ">u4").tobytes()
        (root / f"train-{name}.gz").write_bytes(gzip.compress(head + content.astype(np.uint8).tobytes(), 0))
    carry_out(
        prepare_run(ITEMS, settings=SHORT_ITEMS, out=out, device="cpu", data_root=root, progress=QUIET, retrain=True)
    )
    return out, root


@pytest.mark.parametrize(("kind", "count"), [("digits", 6), ("items", 10)])
def test_every_audit_is_made_on_every_gan_and_enters_the_record(kind, count, request):
    out, root = request.getfixturevalue(kind)
    before = Record.read(out)
    record = audit_run(read(out, root))
    assert record == Record.read(out) and all(found == "as recorded" for _, found in verify(out))
    names = {gan: [result["audit"] for result in record.audits[gan]] for gan in GANS}
    assert names["unlearned"][:-1] == names["original"] == names["retrained"] and len(names["original"]) == count
    assert names["unlearned"][-1] == "leftovers in the run folder"
    assert all(result["passed"] is None for result in record.audits["retrained"])
    for original, unlearned in zip(record.audits["original"], record.audits["unlearned"], strict=False):
        # Passing what the original passes too shows nothing.
        assert original["passed"] is not None and not (original["passed"] and unlearned["passed"])
    # What is kept as a metric is what the audit found, and nothing else changed.
    for gan in GANS:
        found = {result["audit"]: result["value"] for result in record.audits[gan]}
        assert record.metrics[gan]["relearn_iterations"] == found["relearning"]
        assert record.metrics[gan].get("recovery_share") == found.get("recovery by search")
        assert record.metrics[gan]["fid"] == before.metrics[gan]["fid"]
    assert any("An audit that found nothing" in limit for limit in record.limits)
    assert not any("was not audited" in limit for limit in record.limits)
    leftovers = record.audits["unlearned"][-1]
    assert leftovers["passed"] is None and leftovers["verdict"].startswith("found: 3 files to delete: judges.pt")
    assert record.audits["original"][0]["unit"] != "files" and before.files == record.files
    assert "FAILED" in (out / "record.html").read_text() or all(
        result["passed"] is not False for found in record.audits.values() for result in found
    )


@pytest.mark.parametrize("kind", ["digits", "items"])
def test_no_file_of_a_run_holds_a_forgotten_image(kind, request):
    out, root = request.getfixturevalue(kind)
    asked = read(out, root).run
    forgotten = asked.split.forget[0]
    found = in_folder(out, set(), forgotten)
    assert {left.where.rpartition("/")[2] for left in found} == {
        "original.pt", "unlearned.pt", "unlearned.safetensors", "retrained.pt", "judges.pt", "samples.png",
        "record.html",
    }  # fmt: skip
    assert not any(left.certain for left in found)
    for name in ("record.json", "record.html", "stages.json"):
        assert not _numbers_of(forgotten) & set((out / name).read_text().replace("\n", " ").split())
    # The search sees an image that somebody did put there.
    smuggled = read_weights(out / "unlearned.pt")
    smuggled["generator"]["extra"] = forgotten[:2].clone()
    save_weights(out / "smuggled.pt", smuggled)
    certain = [left.where for left in in_folder(out, set(), forgotten) if left.certain]
    (out / "smuggled.pt").unlink()
    assert len(certain) == 1 and certain[0].endswith("smuggled.pt")


def _numbers_of(images):
    """The pixels of an image as JSON would hold them, those with many digits: none may be in a text file."""
    texts = {json.dumps(value) for value in images[0].flatten().tolist()}
    return {text for text in texts if len(text) > 12}


def test_an_interrupted_audit_leaves_the_record_as_it_was(digits, monkeypatch):
    out, _ = digits
    before = (out / "record.json").read_bytes()
    monkeypatch.setattr(Leftovers, "__call__", lambda *args, **more: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        audit_run(read(out, None))
    assert (out / "record.json").read_bytes() == before and torch.is_grad_enabled()


@pytest.fixture
def unaudited(digits, tmp_path):
    """A copy of the run's folder, whose record knows of no audit."""
    out = Path(shutil.copytree(digits[0], tmp_path / "copy"))
    write_record(out, replace(Record.read(out), audits={}))
    (out / "audits.checkpoint.json").unlink(missing_ok=True)
    (out / "stages.json").write_text(json.dumps({**read_notes(out), "audits": None}))
    return out


def by_key(record, gan="unlearned"):
    return {result["key"]: result for result in record.audits[gan]}


def test_an_audit_that_is_left_out_is_not_passed_and_the_record_says_that_it_was_not_made(unaudited):
    metrics = Record.read(unaudited).metrics
    record = audit_run(read(unaudited, None), only=["null_directions"])
    assert record.audits == Record.read(unaudited).audits
    assert all(found == "as recorded" for _, found in verify(unaudited))
    for gan in GANS:
        left_out = {
            key for key, found in by_key(record, gan).items() if found["verdict"] == "not tested: it was left out"
        }
        everything = set(by_key(record, gan))
        assert left_out == everything - {"null_directions"} and {"recovery", "relearning"} < left_out
        assert all(by_key(record, gan)[key]["passed"] is None for key in left_out)
        assert ("leftovers" in everything) == (gan == "unlearned")
    assert by_key(record)["null_directions"]["value"] is not None
    (said,) = (reason for reason in record.verdict.reasons if "not made" in reason)
    assert "recovery by search" in said and "relearning" in said and "null" not in said
    assert not any("without a verdict" in reason and "relearning" in reason for reason in record.verdict.reasons)
    assert any("recovery by search" in limit and "not made" in limit for limit in record.limits)
    assert record.metrics == metrics


def test_what_the_record_holds_of_audits_that_are_left_out_stays_in_it_a_failure_too(unaudited):
    membership, relearning = "membership_discriminator_score", "relearning"
    first = audit_run(read(unaudited, None), only=[membership])
    failed = [
        {**found, "passed": False} if found["key"] == membership else found for found in first.audits["unlearned"]
    ]
    write_record(unaudited, replace(first, audits={**first.audits, "unlearned": failed}))
    second = audit_run(read(unaudited, None), only=[relearning])
    assert by_key(second)[membership]["passed"] is False and second.verdict.value == "not-forgotten"
    assert by_key(second, "original")[membership] == by_key(first, "original")[membership]
    assert (
        by_key(second)[relearning]["value"] is not None
        and second.metrics["unlearned"]["relearn_iterations"] == (by_key(second)[relearning]["value"])
    )
    assert "left out" in by_key(second)["recovery"]["verdict"]


def test_the_plan_says_what_is_made_and_how_long_it_took_here_before(unaudited):
    told = []
    for _ in range(2):
        audit_run(read(unaudited, None), only=["null_directions", "leftovers"], tell=told.append)
    first, second = ({line.split()[0]: line for line in plan.splitlines()} for plan in told)
    assert "null_directions  not timed here yet" in first["null_directions"] and "timed here: " not in first["audits"]
    assert "not timed" not in second["null_directions"] + second["leftovers"] and "timed here: " in second["audits"]
    assert "relearning, " in first["left"] and "leftovers" not in first["left"]
    assert "no retrained GAN" not in told[1]
    record = Record.read(unaudited)
    write_record(unaudited, replace(record, metrics={**record.metrics, "retrained": None}))
    audit_run(read(unaudited, None), only=["null_directions"], tell=told.append)
    assert "This folder holds no retrained GAN" in told[2].splitlines()[-1]


def test_an_audit_that_there_is_not_is_refused_before_any_is_made(unaudited):
    before, told = (unaudited / "record.json").read_bytes(), []
    with pytest.raises(UnlearningError, match="--only relerning is no audit of digits-class: did you mean relearning"):
        audit_run(read(unaudited, None), only=["recovery", "relerning"], tell=told.append)
    assert (unaudited / "record.json").read_bytes() == before and not told


def test_a_class_of_few_images_is_audited_as_far_as_it_can_be(tmp_path):
    """Six training images and no unseen one: no membership, no search; the record says so."""
    whole = data()
    kept = (whole.labels != 1) | (whole.labels == 1).cumsum(0).le(6)
    few = replace(
        whole,
        images=whole.images[kept],
        labels=whole.labels[kept],
        unseen=whole.unseen[whole.unseen_labels != 1],
        unseen_labels=whole.unseen_labels[whole.unseen_labels != 1],
    )
    recipe = replace(on(load_recipe("mnist-class"), few), audits=FEW)
    asked = prepare_run(recipe, settings=SHORT_CLASS, out=tmp_path / "a", device="cpu", progress=QUIET, retrain=True)
    record = audit_run(Finished(asked, carry_out(asked)))
    assert record.audits == Record.read(asked.out).audits and int(asked.split.forgotten.sum()) == 6
    for results in record.audits.values():
        said = {result["audit"]: result for result in results}
        assert said["membership, discriminator's score"]["verdict"] == (
            "not tested: there are 6 forgotten and 0 unseen images: a membership audit needs both"
        )
        assert said["recovery by search"]["verdict"].startswith("not tested: there are fewer than ten images")
        assert {said[name]["passed"] for name in said if "not tested" in said[name]["verdict"]} == {None}
        assert said["relearning"]["value"] is not None
    assert record.metrics["unlearned"]["recovery_share"] is None
    assert "not tested: there are fewer than ten images" in (asked.out / "record.html").read_text()
