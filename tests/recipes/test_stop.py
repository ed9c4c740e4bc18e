"""When a phase ends."""

from dataclasses import replace

import pytest

from ignite_unlearn import UnlearningError
from ignite_unlearn.recipes import load_recipe
from ignite_unlearn.recipes.methods import CascadeOnClasses, CascadeOnItems
from ignite_unlearn.recipes.recipe import with_settings
from ignite_unlearn.recipes.tasks import instruments as instruments_module
from ignite_unlearn.runs.pipeline import carry_out
from ignite_unlearn.runs.progress import QUIET
from ignite_unlearn.runs.run import prepare_run
from tests.recipes.test_class_gans import SHORT, request


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(instruments_module, "_EPOCHS", 4)
    monkeypatch.setattr(instruments_module, "_FEW", 1)  # a judge that finds what an untrained GAN shows


def test_what_the_phase_aims_at_is_measured_once_and_recorded(tmp_path, monkeypatch):
    aims, aim = [], CascadeOnClasses.aim
    monkeypatch.setattr(CascadeOnClasses, "aim", lambda self, phase: aims.append(phase) or aim(self, phase))
    record = carry_out(request(tmp_path, "mnist-class", (*SHORT, "unlearning_iterations=3")))
    assert record.iterations["unlearning"] == 3 and len(aims) == 1
    above, fid = record.as_dict()["bounds"]
    assert above["name"] == "share_above_substitutes"
    assert 0 <= above["of_substitutes"] <= 1 and -1 <= above["value"] <= 1
    assert fid["name"] == "fid" and fid.get("of_substitutes") is None


def test_a_gan_without_labels_is_taken_to_be_taught_nothing_of_the_class(tmp_path):
    settings = (*SHORT, "pool=8", "start=none", "unlearning_iterations=1")
    record = carry_out(request(tmp_path, "mnist-class-unconditional", settings))
    above, _ = record.as_dict()["bounds"]
    assert above["of_substitutes"] == 0 and above["value"] >= 0


def test_items_are_unlearned_for_as_long_as_was_asked_and_looked_at_again_later(tmp_path):
    settings = ("items=4", "iterations=6", "batch_size=8", "g_width=4", "d_width=4", "candidates=16", "held_rows=8",
                "unlearning_iterations=2", "every=2", "later=3", "samples=20", "generator_half=never")  # fmt: skip
    content = carry_out(request(tmp_path, "mnist-items", settings)).as_dict()
    assert content["iterations"]["unlearning"] == 2 and not content["bounds"]
    assert {"membership_auc_later", "probe_auc_later", "near_auc_later"} <= content["metrics"]["unlearned"].keys()


FEW = ("items=2", "trained=20", "iterations=4", "batch_size=8", "g_width=4", "d_width=4", "samples=20",
       "unlearning_iterations=1", "unlearning_steps=1", "generator_half=never", "discriminator_step=none")  # fmt: skip


def test_a_second_look_finds_what_a_look_at_that_step_alone_would(tmp_path):
    recipe = replace(load_recipe("digits-items"), method=CascadeOnItems())

    def later(out, *steps):
        settings = (*FEW, f"later={','.join(map(str, steps))}")
        made = prepare_run(recipe, settings=settings, out=tmp_path / out, device="cpu", progress=QUIET)
        return carry_out(made).metrics["unlearned"]

    twice, once = later("twice", 2, 5), later("once", 2)
    first = [key for key in once if key.endswith("_later")]
    assert {"near_auc_later", "retained_near_auc_later", "membership_auc_later"} <= set(first)
    assert [twice[key] for key in first] == [once[key] for key in first]
    assert {key for key in twice if key not in once} == {f"{key}_5" for key in first}
    assert twice["membership_auc_later_5"] != twice["membership_auc_later"]
    # Not measured at all, the phase itself is the same.
    assert not [key for key in later("never") if "later" in key]


@pytest.mark.parametrize("later", ["0", "5,2", "-1", "2,3,3"])
def test_looks_that_do_not_go_on_are_refused(later):
    with pytest.raises(UnlearningError, match=f"--set later={later} does not fit"):
        with_settings(load_recipe("digits-items"), (f"later={later}",))
