"""Weights and checkpoints are those that were made here, as is asked for, or a sentence says that they are not."""

import json
import logging
import struct
import zipfile

import pytest
import torch

from ignite_unlearn import UnlearningError
from ignite_unlearn.recipes.tasks import instruments as instruments_module
from ignite_unlearn.runs import checkpoints as stages
from ignite_unlearn.runs.finished import Finished
from ignite_unlearn.runs.pipeline import carry_out, instruments_of, original_of, retrained_of
from ignite_unlearn.runs.provenance import add_note, form_of, nets_sha256, read_note, read_noted, read_notes
from ignite_unlearn.utils.files import read_weights, save_weights
from tests.recipes.test_class_gans import SHORT, request

REST = SHORT[1:]
STAGES = {"original": original_of, "retrained": retrained_of}


def asked(out, *settings, name="mnist-class", **changes):
    return request(out, name, (*SHORT, *settings), **changes)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(instruments_module, "_EPOCHS", 1)
    monkeypatch.setattr(stages, "_SAVE_EVERY", 0.0)


def interrupted(monkeypatch, wanted, stage, *, after=1):
    """Leaves a checkpoint of a stage behind, as an interruption does."""
    saved = []
    save = stages.save_weights

    def save_and_stop(path, content):
        save(path, content)
        saved.append(path)
        if len(saved) == after:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stages, "save_weights", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            STAGES[stage](wanted)
    path = wanted.out / f"{stage}.checkpoint.pt"
    assert path.exists()
    return path


@pytest.mark.parametrize(
    ("settings", "changes", "message"),
    [
        (("g_lr=1e-3",), {}, r"is of a training by g_lr=0.0004 \(now 0.001\): resume with"),
        (("augment=diffaug",), {}, r"augment=none \(now diffaug\)"),
        (("batch_size=9", "iterations=13"), {}, r"iterations=12 \(now 13\), batch_size=8 \(now 9\)"),
        ((), {"seed": 3}, r"seed=0 \(now 3\)"),
    ],
)
def test_a_checkpoint_of_another_original_is_not_gone_on_from(tmp_path, monkeypatch, settings, changes, message):
    path = interrupted(monkeypatch, asked(tmp_path), "original")
    with pytest.raises(UnlearningError, match=message):
        original_of(asked(tmp_path, *settings, resume=True, **changes))
    assert path.exists() and not (tmp_path / "original.pt").exists()


def test_a_checkpoint_with_another_class_is_not_called_retrained_without_this_one(tmp_path, monkeypatch):
    path = interrupted(monkeypatch, asked(tmp_path, "classes=2"), "retrained")
    with pytest.raises(UnlearningError, match=r"is of a training by classes=\[2\] \(now \[1\]\)"):
        retrained_of(asked(tmp_path, "classes=1", resume=True))
    # Nor is one of the original, which saw all classes.
    path.unlink()
    interrupted(monkeypatch, asked(tmp_path), "original").rename(path)
    with pytest.raises(UnlearningError, match=r"is of a training by no classes \(now classes=\[1\]\)"):
        retrained_of(asked(tmp_path, "classes=1", resume=True))


def test_a_checkpoint_of_the_same_training_is_gone_on_from_whatever_else_changed(tmp_path, monkeypatch):
    path = interrupted(monkeypatch, asked(tmp_path / "a"), "original")
    made_by = read_weights(path)["made_by"]
    assert made_by == asked(tmp_path / "a").original.fingerprint.as_note()
    found = original_of(asked(tmp_path / "a", "classes=2", "samples=31", resume=True))
    whole = original_of(asked(tmp_path / "elsewhere" / "b"))
    for one, two in zip(found.gan.generator.parameters(), whole.gan.generator.parameters(), strict=True):
        assert torch.equal(one, two)
    # A retrained GAN may be asked for by the same classes in another order.
    interrupted(monkeypatch, asked(tmp_path / "c", "classes=0,2"), "retrained")
    assert retrained_of(asked(tmp_path / "c", "classes=2,0", resume=True)).iterations == 4


def test_a_checkpoint_that_tells_nothing_or_does_not_fit_is_one_sentence(tmp_path, monkeypatch):
    path = interrupted(monkeypatch, asked(tmp_path), "original")
    content = read_weights(path)
    for change, message in (
        ({"made_by": None}, "does not tell by which seed and options: delete the file"),
        ({"generator": {}}, r"does not fit this training \(.*\): delete the file"),
        ({"clock": {}}, "does not fit this training"),
    ):
        save_weights(path, {**content, **change})
        with pytest.raises(UnlearningError, match=message) as raised:
            original_of(asked(tmp_path, resume=True))
        assert "\n" not in str(raised.value)
    save_weights(path, {key: value for key, value in content.items() if key != "g_optimizer"})
    with pytest.raises(UnlearningError, match="does not fit this training"):
        original_of(asked(tmp_path, resume=True))


def flip_a_byte(path, net="generator"):
    """Changes the sign of one number in the middle of the file, as a failing disk would."""
    content = read_weights(path)
    largest = max((t for t in content[net].values() if t.dtype == torch.float32), key=torch.Tensor.numel)
    wanted = struct.pack("<4f", *largest.flatten()[:4].tolist())
    whole = bytearray(path.read_bytes())
    at = whole.find(wanted)
    assert at > 0
    whole[at + 3] ^= 0x80
    path.write_bytes(whole)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is not None


def as_type(dtype):
    def change(path):
        content = read_weights(path)
        content["generator"] = {k: v.to(dtype) for k, v in content["generator"].items()}
        save_weights(path, content)

    return change


def swapped(path):
    content = read_weights(path)
    content["discriminator"] = {k: v.flip(0) for k, v in content["discriminator"].items()}
    save_weights(path, content)


CHANGES = {
    "a flipped byte": flip_a_byte,
    "complex": as_type(torch.complex64),
    "int64": as_type(torch.int64),
    "double": as_type(torch.float64),
    "swapped": swapped,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:1000]),
    "no nets": lambda path: save_weights(path, {"generator": 1}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_sibling_s_original_that_was_changed_is_passed_over_in_a_line(tmp_path, change, caplog):
    original_of(asked(tmp_path / "a"))
    wanted = asked(tmp_path / "c")
    assert wanted.original_beside().folder == tmp_path / "a" and "passed over" not in wanted.plan()
    change(tmp_path / "a" / "original.pt")
    assert wanted.original_beside().folder is None
    lines = [line for line in wanted.plan().splitlines() if "passed over" in line]
    assert lines == [f"{tmp_path / 'a' / 'original.pt'} is passed over: it is not what was noted when it was made."]
    assert "train 12 iterations" in wanted.plan()
    with caplog.at_level(logging.INFO, "ignite_unlearn"):
        made = original_of(wanted)
    assert made.seconds is not None and lines[0] in caplog.messages
    # Another that is intact is found behind it.
    (tmp_path / "c").rename(tmp_path / "b")
    beside = asked(tmp_path / "d").original_beside()
    assert beside.folder == tmp_path / "b" and len(beside.passed_over) == 1


def test_a_sibling_s_original_of_other_nets_is_passed_over(tmp_path):
    """Its options may be the same where the recipe's code has changed since."""
    original_of(asked(tmp_path / "a"))
    content = read_weights(tmp_path / "a" / "original.pt")
    content["generator"]["more"] = torch.zeros(2)
    note = read_note(tmp_path / "a", "original")
    save_weights(tmp_path / "a" / "original.pt", content)
    add_note(tmp_path / "a", "original", {**note, "sha256": nets_sha256(content)})
    assert "original.pt is passed over: it is of other nets." in asked(tmp_path / "b").plan()
    assert original_of(asked(tmp_path / "b")).seconds is not None


@pytest.mark.parametrize("change", [CHANGES["a flipped byte"], CHANGES["swapped"]])
def test_the_run_s_own_file_with_a_note_of_another_is_an_error(tmp_path, change):
    original_of(asked(tmp_path))
    change(tmp_path / "original.pt")
    with pytest.raises(UnlearningError, match=r"original.pt is not the file that was made here: .*delete it"):
        original_of(asked(tmp_path))
    (tmp_path / "original.pt").unlink()
    assert original_of(asked(tmp_path)).seconds is not None


def test_an_original_without_a_note_is_somebody_s_own_and_taken_as_it_is(tmp_path):
    original_of(asked(tmp_path / "a"))
    swapped(tmp_path / "a" / "original.pt")
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "original.pt").rename(tmp_path / "b" / "original.pt")
    assert original_of(asked(tmp_path / "b")).seconds is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (as_type(torch.complex64), "another kind of numbers"),
        (as_type(torch.int64), "another kind of numbers"),
        (lambda path: save_weights(path, {"generator": {"a": 1}, "discriminator": {}}), "another generator"),
    ],
)
def test_nobody_s_weights_may_be_of_another_kind(tmp_path, change, message):
    original_of(asked(tmp_path))
    (tmp_path / "stages.json").unlink()
    change(tmp_path / "original.pt")
    with pytest.raises(UnlearningError, match=message):
        original_of(asked(tmp_path))


def test_weights_that_are_not_finite_are_refused(tmp_path):
    original_of(asked(tmp_path))
    (tmp_path / "stages.json").unlink()
    content = read_weights(tmp_path / "original.pt")
    next(iter(content["discriminator"].values())).view(-1)[0] = float("nan")
    save_weights(tmp_path / "original.pt", content)
    with pytest.raises(UnlearningError, match="weights that are not finite"):
        original_of(asked(tmp_path))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instruments_module, "_EPOCHS", 1)
        wanted = asked(tmp_path_factory.mktemp("run") / "out", retrain=True)
        return wanted, carry_out(wanted)


def copied(finished, out):
    wanted, record = finished
    out.mkdir()
    for path in wanted.out.iterdir():
        (out / path.name).write_bytes(path.read_bytes())
    return Finished(asked(out, retrain=True, resume=True), record)


@pytest.mark.parametrize("name", ["original", "unlearned", "retrained"])
def test_a_finished_run_with_swapped_weights_is_not_measured_again(finished, tmp_path, name):
    again = copied(finished, tmp_path / "a")
    assert list(again.gans()) == ["original", "unlearned", "retrained"]
    other = "retrained" if name != "retrained" else "original"
    (again.run.out / f"{name}.pt").write_bytes((again.run.out / f"{other}.pt").read_bytes())
    with pytest.raises(UnlearningError, match=f"{name}.pt is not the file that was made here"):
        again.gans()
    with pytest.raises(UnlearningError, match="is not the file"):
        again.measure()


@pytest.mark.parametrize("name", ["unlearned", "retrained"])
def test_without_a_note_nobody_knows_whether_weights_are_the_run_s(finished, tmp_path, name):
    again = copied(finished, tmp_path / "a")
    notes = read_notes(again.run.out)
    del notes[name]
    (again.run.out / "stages.json").write_text(json.dumps(notes))
    with pytest.raises(UnlearningError, match=f"stages.json says nothing of {name}.pt"):
        again.gans()
    (again.run.out / "stages.json").unlink()
    with pytest.raises(UnlearningError, match=r"stages.json says nothing of unlearned\.pt"):
        again.gans()


def test_judges_beside_that_were_changed_or_are_of_other_nets_are_passed_over(tmp_path):
    first = instruments_of(asked(tmp_path / "a"))
    flip_a_byte(tmp_path / "a" / "judges.pt", "guide")
    assert instruments_of(asked(tmp_path / "b")).extractor.sha256 == first.extractor.sha256
    content = read_weights(tmp_path / "b" / "judges.pt")
    content["guide"]["more"] = torch.zeros(1)
    note = read_note(tmp_path / "b", "judges")
    save_weights(tmp_path / "b" / "judges.pt", content)
    add_note(tmp_path / "b", "judges", {**note, "sha256": nets_sha256(content)})
    assert instruments_of(asked(tmp_path / "b")).extractor.sha256 == first.extractor.sha256
    assert "more" not in read_weights(tmp_path / "b" / "judges.pt")["guide"]


def test_the_form_and_the_hash_of_what_is_no_net_are_none():
    net = torch.nn.Linear(2, 1)
    assert form_of({"net": net}) == form_of({"net": net.state_dict()})
    assert form_of({"net": net}) != form_of({"net": net.double()})
    for content in ({"net": 1}, {"net": {"weight": 1}}, {"net": None}):
        assert form_of(content) is None and nets_sha256(content) is None


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(UnlearningError, match="There is no checkpoint at"):
        read_noted(tmp_path, "original")
