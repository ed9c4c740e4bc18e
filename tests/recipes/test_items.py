"""Item unlearning through the whole pipeline on a short training; whether it forgets well is the benchmark's to say."""

import json
from dataclasses import replace

import pytest
import torch

from ignite_unlearn import UnlearningError
from ignite_unlearn.audits import audit_gans
from ignite_unlearn.recipes.audit_budget import AuditBudget
from ignite_unlearn.recipes.data import SmallMNIST
from ignite_unlearn.recipes.nets.strided import StridedGAN
from ignite_unlearn.recipes.stock.mnist_items import RECIPE
from ignite_unlearn.recipes.tasks import instruments as instruments_module
from ignite_unlearn.recipes.training import Hinge
from ignite_unlearn.runs.pipeline import carry_out
from ignite_unlearn.runs.progress import QUIET
from ignite_unlearn.runs.run import prepare_run
from tests.recipes.data.test_mnist import write

SMALL = replace(RECIPE, data=SmallMNIST(trained=60, unseen=80))
SHORT = (
    "items=5", "iterations=12", "batch_size=8", "g_width=4", "d_width=4", "candidates=32", "held_rows=16",
    "unlearning_iterations=2", "every=3", "later=4", "samples=40",
)  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mnist")
    write(folder, 150)
    return folder


@pytest.fixture(autouse=True)
def quick_judges(monkeypatch):
    monkeypatch.setattr(instruments_module, "_EPOCHS", 1)


def request(out, root, settings=SHORT, **changes):
    return prepare_run(SMALL, settings=settings, out=out, data_root=root, device="cpu", progress=QUIET, **changes)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, root):
    out = tmp_path_factory.mktemp("runs") / "items"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instruments_module, "_EPOCHS", 1)
        return out, carry_out(request(out, root, retrain=True))


def test_the_record_says_what_was_forgotten_and_how_well_by_number_alone(finished):
    out, record = finished
    content = json.loads((out / "record.json").read_text())
    assert content["forget"]["kind"] == "items" and content["forget"]["count"] == 5
    assert content["iterations"] == {"original": 12, "unlearning": 2, "retraining": 11, "inversion": None}
    spent = content["seconds"]["unlearning"] + content["seconds"]["inversion"]
    assert content["seconds"]["inversion"] > 0
    assert content["speedup"] == pytest.approx(content["seconds"]["retraining"] / spent)
    for gan in ("original", "unlearned", "retrained"):
        found = content["metrics"][gan]
        assert 0 <= found["membership_auc_low"] <= found["membership_auc"] <= found["membership_auc_high"] <= 1
        assert found["reconstruction_error"] > 0 and found["fid"] > 0 and found["forgotten_share"] is None
    assert 0 <= content["metrics"]["unlearned"]["membership_auc_later"] <= 1
    assert {path.name for path in out.iterdir()} == {
        "record.json", "record.html", "samples.png", "original.pt", "unlearned.pt", "unlearned.safetensors",
        "retrained.pt", "judges.pt",
        "stages.json", "forget.key",
    }  # fmt: skip
    assert [row[0] for row in record.table() if row[0] == "membership AUC, items"] == ["membership AUC, items"]


def test_requests_of_one_seed_are_nested_and_of_another_seed_are_others(tmp_path, root):
    def items(n, **changes):
        settings = (f"items={n}", *SHORT[1:], *(f"{k}={v}" for k, v in changes.items() if k != "seed"))
        asked = request(tmp_path, root, settings, seed=changes.get("seed", 0))
        return set(asked.split.forgotten.nonzero().flatten().tolist())

    assert items(1) < items(16) < items(40) and len(items(40)) == 40
    assert items(1, first_item=3) <= items(16) and items(1, first_item=3) != items(1)
    assert items(16, seed=1) != items(16)


def test_an_original_of_the_folder_beside_it_is_used_where_it_was_made_in_the_same_way(finished, root):
    out, record = finished
    other = request(out.parent / "other", root, ("items=2", *SHORT[1:]))
    assert f"copy {out / 'original.pt'}" in other.plan()
    again = carry_out(other)
    assert again.seconds["original"] == record.seconds["original"]
    assert (out.parent / "other" / "original.pt").exists()
    assert "train 13" in request(out.parent / "longer", root, ("items=2", "iterations=13", *SHORT[2:])).plan()
    assert "train 12" in request(out.parent / "seed", root, seed=1).plan()


@pytest.mark.parametrize("half", ["never", "always"])
@pytest.mark.parametrize("step", ["descent", "none"])
def test_every_choice_runs(finished, root, half, step):
    out = finished[0].parent / f"{half}-{step}"
    changes = (f"generator_half={half}", f"discriminator_step={step}", "substitution=truncation", "fake_label=fixed")
    before = torch.load(finished[0] / "original.pt", weights_only=True)
    carry_out(request(out, root, (*SHORT, *changes)))
    after = torch.load(out / "unlearned.pt", weights_only=True)
    assert any(not torch.equal(v, before["generator"][k]) for k, v in after["generator"].items())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("items=60", "at least one must be retained"),
        ("items=0", "expected at least 1"),
        ("first_item=-1", "expected at least 0"),
        ("generator_half=often", "choose of where_known, always, never, phase"),
        ("discriminator_step=newton", "did you mean gauss_newton"),
        ("fake_label=real", "choose of between"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_trained(tmp_path, root, settings, message):
    with pytest.raises(UnlearningError, match=message):
        request(tmp_path / "run", root, (*SHORT, settings))
    assert not (tmp_path / "run").exists()


def test_items_of_a_gan_that_takes_labels(tmp_path, root):
    nets, training = StridedGAN(latent=4, g_width=4, d_width=4), replace(SMALL.training, loss=Hinge())
    conditional = replace(SMALL, nets=nets, training=training)
    run = prepare_run(
        conditional,
        settings=(*SHORT, "discriminator_step=descent"),
        out=tmp_path / "run",
        data_root=root,
        device="cpu",
        progress=QUIET,
        retrain=True,
    )
    record = carry_out(run)
    assert 0 <= record.metrics["unlearned"]["probe_auc"] <= 1
    gans = {"original": run.new_gan(), "unlearned": run.new_gan(), "retrained": run.new_gan()}
    plan = conditional.task.audits(run.split, None, gans, conditional.training, AuditBudget(give_up=5, compared=20))
    found = audit_gans(gans, plan, progress=False)
    assert len(found["unlearned"]) == len(plan)
