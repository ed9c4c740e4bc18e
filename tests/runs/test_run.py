"""The whole pipeline on short trainings; whether it forgets well is shown by the slow test."""

import json
import shutil
import time

import numpy as np
import pytest
import torch
from PIL import Image

from ignite_unlearn import UnlearningDivergedError, UnlearningError
from ignite_unlearn.recipes.stock.digits_class import RECIPE
from ignite_unlearn.recipes.tasks import instruments as instruments_module
from ignite_unlearn.recipes.training.gan_training import GANTraining
from ignite_unlearn.record.folder import kept_aside
from ignite_unlearn.record.record import now
from ignite_unlearn.record.weights import file_weights_sha256
from ignite_unlearn.runs.long_training import train_long
from ignite_unlearn.runs.pictures import picture, safe_picture
from ignite_unlearn.runs.pipeline import carry_out, original_of, retrained_of
from ignite_unlearn.runs.progress import QUIET
from ignite_unlearn.runs.run import prepare_run
from ignite_unlearn.utils.files import read_released, read_weights

SHORT = (
    "iterations=12", "batch_size=8", "unlearning_iterations=2", "unlearning_batch_size=4", "samples=20",
    "judge_samples=8", "judge_every=1", "share_tolerance=-2",
)  # fmt: skip


def request(out, settings=SHORT, **changes):
    return prepare_run(RECIPE, settings=settings, out=out, device="cpu", progress=QUIET, **changes)


@pytest.fixture(autouse=True)
def quick_judges(monkeypatch):
    monkeypatch.setattr(instruments_module, "_EPOCHS", 1)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instruments_module, "_EPOCHS", 1)
        return out, carry_out(request(out, retrain=True))


def test_a_run_that_has_come_to_its_end_is_not_made_twice(finished, monkeypatch):
    out, record = finished
    there = {path.name: path.read_bytes() for path in out.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr("ignite_unlearn.runs.pipeline._carry_out", lambda run: None)
        again = carry_out(request(out, retrain=True, resume=True))
        assert again.as_dict() == record.as_dict() and again.created == record.created
        assert {path.name: path.read_bytes() for path in out.iterdir()} == there
        assert carry_out(request(out, resume=True)) == again  # a retrained GAN more than was asked for
        for settings, changes in ((SHORT, {}), (SHORT, {"request_id": "7"}), (SHORT, {"seed": 1}), (SHORT[:-1], {})):
            resume = bool(changes) or settings != SHORT
            assert carry_out(request(out, settings, retrain=True, resume=resume, **changes)) is None


def test_a_run_whose_files_were_changed_is_made_again(finished, tmp_path, monkeypatch):
    out = shutil.copytree(finished[0], tmp_path / "run")
    monkeypatch.setattr("ignite_unlearn.runs.pipeline._carry_out", lambda run: None)
    assert carry_out(request(out, retrain=True, resume=True)) is not None
    for name in ("unlearned.pt", "forget.key", "record.html", "stages.json"):
        kept = (out / name).read_bytes()
        (out / name).unlink()
        assert carry_out(request(out, retrain=True, resume=True)) is None, name
        (out / name).write_bytes(kept)


def test_checkpoints_that_a_kill_left_beside_a_whole_record_are_cleared_and_nothing_is_made_again(finished, tmp_path):
    out = shutil.copytree(finished[0], tmp_path / "run")
    (out / "phase.checkpoint.pt").touch()
    assert carry_out(request(out, retrain=True, resume=True)).as_dict() == finished[1].as_dict()
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in finished[0].iterdir())


def test_a_run_leaves_the_files_of_the_contract(finished):
    out, record = finished
    assert {path.name for path in out.iterdir()} == {
        "record.json", "record.html", "samples.png", "original.pt", "unlearned.pt", "unlearned.safetensors",
        "retrained.pt", "judges.pt", "stages.json", "forget.key",
    }  # fmt: skip
    content = json.loads((out / "record.json").read_text())
    assert content["recipe"] == "digits-class" and content["forget"]["classes"] == [3]
    assert content["forget"]["count"] == int((RECIPE.load(None).labels == 3).sum())
    assert content["speedup"] == pytest.approx(content["seconds"]["retraining"] / content["seconds"]["unlearning"])
    assert content["iterations"] == {"original": 12, "unlearning": 2, "retraining": 11, "inversion": None}
    assert all(content["metrics"][gan]["fid"] > 0 for gan in ("original", "unlearned", "retrained"))
    assert content["metrics"]["retrained"]["ret_fid"] == pytest.approx(0, abs=1e-3)
    assert record.stopped_because == content["stopped_because"]
    assert content["verdict"] == "not-forgotten" and "was missed" in content["reasons"][0]
    assert content["weights_sha256"] == file_weights_sha256(out / "unlearned.pt")
    assert content["found"]["rows"] >= 0 and {bound["name"] for bound in content["bounds"]} == {
        "share_above_substitutes", "fid",
    }  # fmt: skip
    with Image.open(out / "samples.png") as picture:
        picture.verify()


def test_released_weights_are_weights_alone(finished):
    out, _ = finished
    for name in ("original", "unlearned", "retrained"):
        state = torch.load(out / f"{name}.pt", weights_only=True)
        assert state.keys() == {"generator", "discriminator"}
        assert all(isinstance(t, torch.Tensor) for net in state.values() for t in net.values())


def test_released_weights_are_there_for_others_as_safetensors(finished):
    out, _ = finished
    released, own = read_released(out / "unlearned.safetensors"), read_weights(out / "unlearned.pt")
    assert released.keys() == own.keys()
    assert all(torch.equal(released[net][key], own[net][key]) for net in own for key in own[net])
    assert "unlearned.safetensors" in json.loads((out / "record.json").read_text())["files"]


def test_the_record_holds_no_image_of_the_forgotten_class(finished):
    out, _ = finished
    page = (out / "record.html").read_text()
    assert page.count("data:image/png") == 1
    asked = request(out)
    gans = {"original": original_of(asked).gan}
    never = lambda images: torch.eye(10)[torch.zeros(len(images), dtype=torch.int64)]  # noqa: E731 - all are "0"
    whole, blank = (
        np.asarray(drawn) for drawn in (picture(gans), safe_picture(gans, asked.recipe.task, asked.split, never))
    )
    # Below the title ten rows of 16 pixels, at twice the size, a margin of one between.
    row = slice(16 + 2 * (1 + 3 * 17), 16 + 2 * (4 * 17))
    assert (whole[row] != blank[row]).any()
    changed = (whole != blank).any((1, 2)).nonzero()[0]
    assert row.start <= changed.min() and changed.max() < row.stop
    assert len(np.unique(blank[row])) == 2  # white, and the grey between
    with Image.open(out / "samples.png") as saved:
        assert (np.asarray(saved)[row, : blank.shape[1] - 8] == blank[row, :-8]).all()  # only where it is asked for


def test_another_gans_images_of_the_class_are_blank_where_they_show_it(finished):
    out, _ = finished
    asked = request(out)
    gans = {"unlearned": original_of(asked).gan}
    always = lambda images: torch.eye(10)[torch.full((len(images),), 3)]  # noqa: E731
    for classifier, blank in ((always, True), (lambda images: -always(images), False)):
        drawn = np.asarray(safe_picture(gans, asked.recipe.task, asked.split, classifier))
        assert (drawn != np.asarray(picture(gans))).any() == blank


def test_a_second_run_keeps_the_first_record_and_says_so(finished, tmp_path):
    out, _ = finished
    for path in out.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    asked = request(tmp_path)
    aside = kept_aside(tmp_path)
    assert aside is not None and f"kept as {aside.name}" in asked.plan()
    old = (tmp_path / "record.json").read_bytes()
    while json.loads(old)["created"] == now():
        time.sleep(0.1)  # records carry whole seconds
    carry_out(asked)
    assert aside.read_bytes() == old != (tmp_path / "record.json").read_bytes()


def test_the_retrained_gan_never_saw_the_forget_set(tmp_path, monkeypatch):
    seen = []
    import ignite_unlearn.runs.folder as module

    monkeypatch.setattr(module, "train_long", lambda training, images, labels, **k: seen.append(labels) or 1.0)
    wanted = request(tmp_path / "run", settings=(*SHORT, "classes=3,5"))
    original_of(wanted), retrained_of(wanted)
    assert set(seen[0].tolist()) == set(range(10)) and set(seen[1].tolist()) == set(range(10)) - {3, 5}


def test_an_original_that_is_there_is_used(finished, tmp_path):
    out, record = finished
    (tmp_path / "original.pt").write_bytes((out / "original.pt").read_bytes())
    again = carry_out(request(tmp_path))
    assert again.seconds["original"] is None and again.speedup is None
    assert again.metrics["original"]["fid"] == record.metrics["original"]["fid"]


@pytest.mark.parametrize(
    ("settings", "changes", "message"),
    [
        ((*SHORT, "g_width=20"), {}, "original.pt: The checkpoint is of another generator"),
        (SHORT, {"seed": 5}, r"was made by seed=0 \(now 5\)"),
        (("iterations=13", *SHORT[1:]), {}, r"iterations=12 \(now 13\)"),
    ],
)
def test_an_original_of_another_run_is_refused(finished, settings, changes, message):
    with pytest.raises(UnlearningError, match=message):
        original_of(request(finished[0], settings=settings, **changes))


def test_a_truncated_original_is_refused_and_nothing_else_written(finished, tmp_path):
    whole = (finished[0] / "original.pt").read_bytes()
    (tmp_path / "original.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnlearningError, match="truncated"):
        carry_out(request(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["original.pt"]


def test_resuming_uses_finished_stages(finished):
    out, record = finished
    resumed = retrained_of(request(out, retrain=True, resume=True))
    assert resumed.seconds == record.seconds["retraining"]


def test_an_interrupted_training_resumes_to_the_same_weights(tmp_path, monkeypatch):
    import ignite_unlearn.runs.checkpoints as stages

    monkeypatch.setattr(stages, "_SAVE_EVERY", 0.0)
    asked = request(tmp_path)

    def training():
        return GANTraining(asked.new_gan(), asked.recipe.training)

    def go(it, folder, resume=False):
        return train_long(
            it, asked.split.data.images, asked.split.data.labels, seed=0, title="original",
            fingerprint=asked.original.fingerprint, folder=folder, resume=resume, progress=QUIET,
        )  # fmt: skip

    whole = training()
    go(whole, tmp_path / "whole")

    broken = training()

    @broken.engine.on(stages.Events.ITERATION_COMPLETED(once=10))
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(broken, tmp_path / "part")
    assert (tmp_path / "part" / "original.checkpoint.pt").exists()
    resumed = training()
    torch.manual_seed(77)
    go(resumed, tmp_path / "part", resume=True)
    assert resumed.engine.state.iteration == 12
    for net in ("generator", "discriminator", "average"):
        one, two = getattr(whole, net).state_dict(), getattr(resumed, net).state_dict()
        assert all(torch.equal(value, two[key]) for key, value in one.items()), net
    # It stays until the result is saved.
    assert [path.name for path in (tmp_path / "part").iterdir()] == ["original.checkpoint.pt"]


def test_nan_in_the_loss_stops_in_a_sentence_and_releases_nothing(finished, tmp_path):
    (tmp_path / "original.pt").write_bytes((finished[0] / "original.pt").read_bytes())
    with pytest.raises(UnlearningDivergedError, match="not finite"):
        # Led to substitutes, in several steps: with the untrained label there is no way to go.
        far = ("unlearning_lr=1e38", "substitution=other_class", "start=none", "judge_every=5")
        carry_out(request(tmp_path, settings=(*SHORT, *far)))
    assert not (tmp_path / "unlearned.pt").exists() and not (tmp_path / "record.json").exists()


def test_a_training_that_diverges_says_so(tmp_path):
    with pytest.raises(UnlearningDivergedError, match="The training of 'original'"):
        carry_out(request(tmp_path, settings=(*SHORT, "g_lr=1e30", "d_lr=1e30")))
    assert not (tmp_path / "original.pt").exists()


def test_the_plan_says_what_would_be_done(finished, tmp_path):
    assert "load" in request(finished[0]).plan() and "train 12 iterations" in request(tmp_path / "run").plan()
    assert "147 training images" in request(tmp_path).plan()
