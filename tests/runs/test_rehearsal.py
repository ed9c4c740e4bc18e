"""What would end a phase is said before its original is trained."""

from dataclasses import dataclass, replace

import pytest
from PIL import Image
from sklearn.datasets import load_digits

from ignite_unlearn import UnlearningError
from ignite_unlearn.cascade import NearestEmbedding
from ignite_unlearn.recipes import load_recipe, stock_recipes
from ignite_unlearn.recipes.methods import choices
from ignite_unlearn.recipes.methods.cascade import CascadeOnClasses
from ignite_unlearn.runs import pipeline
from ignite_unlearn.runs.progress import QUIET
from ignite_unlearn.runs.rehearsal import rehearse
from ignite_unlearn.runs.run import prepare_run
from tests.fuzz.judged import launched


@dataclass(frozen=True)
class Negative(CascadeOnClasses):
    """A method whose phase cannot be made."""

    def phase(self, gan, forget, material):
        return self._phase(gan, forget, material, optimizer=None, batch_size=0)


@dataclass(frozen=True)
class Blind(CascadeOnClasses):
    """A method whose phase can be made, and ends in its first step."""

    def phase(self, gan, forget, material):
        phase = super().phase(gan, forget, material)
        phase.step.fake_label = lambda scores, *rest: scores[:1]
        return phase


def run(folder, recipe, *settings):
    return prepare_run(recipe, settings=settings, out=folder, device="cpu", progress=QUIET)


@pytest.mark.parametrize(("method", "message"), [(Negative(), "batch_size=0"), (Blind(), "would not work: ")])
def test_nothing_is_trained_for_a_phase_that_would_not_work(tmp_path, method, message):
    recipe = replace(load_recipe("digits-class"), method=method)
    with pytest.raises(UnlearningError, match=message):
        pipeline.carry_out(run(tmp_path / "out", recipe))
    assert not (tmp_path / "out").exists()


def test_a_dry_run_tries_the_phase_too(tmp_path, monkeypatch):
    class Missing(NearestEmbedding):
        def __call__(self, *args):
            raise UnlearningError("no such table")

    monkeypatch.setitem(choices.STARTS, "none", choices.OfferedStart(lambda substitution: Missing()))
    asked = launched("run", "digits-class", "--dry-run", "--out", tmp_path / "out", "--device", "cpu",
                     "--set", "start=none", "--set", "substitution=other_class")  # fmt: skip
    assert asked.exit_code == 2 and "no such table" in asked.output and not (tmp_path / "out").exists()


def test_too_few_unseen_images_for_the_fake_label_are_said_before_the_training(tmp_path):
    for kind in "ab":
        (tmp_path / "data" / kind).mkdir(parents=True)
        for i in range(8):
            Image.new("L", (16, 16), 10 * i + ord(kind) % 2).save(tmp_path / "data" / kind / f"{i}.png")
    asked = launched("run", "folder-items", "--data-root", tmp_path / "data", "--out", tmp_path / "out", "--device",
                     "cpu", "--set", "size=16", "--set", "items=1", "--set", "generator_half=never")  # fmt: skip
    assert asked.exit_code == 2 and "needs at least one real image" in asked.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", [name for name in stock_recipes() if name.startswith("digits")])
def test_what_stock_recipes_offer_passes(tmp_path, name):
    recipe = load_recipe(name)
    for key, offered in (("substitution", choices.SUBSTITUTIONS), ("fake_label", choices.FAKE_LABELS)):
        for choice in offered:
            try:
                asked = run(tmp_path / "out", recipe, f"{key}={choice}")
            except UnlearningError:  # refused even earlier
                continue
            rehearse(asked)


@pytest.mark.parametrize("items", [1, 8])
def test_an_untrained_generator_that_shows_one_grey_is_no_reason_to_refuse_items(tmp_path, items):
    digits = load_digits()
    for i, image in enumerate(digits.images[:200]):
        part = tmp_path / ("train" if i < 72 else "test")
        part.mkdir(exist_ok=True)
        Image.fromarray((image * 15).astype("uint8")).save(part / f"{i:03}.png")
    files = ",".join(f"{i:03}.png" for i in range(items))
    request = prepare_run(
        load_recipe("faces-items"),
        settings=[f"files={files}", "size=32", "channels=1", "g_width=16", "d_width=8"],
        out=tmp_path / "out", data_root=tmp_path, device="cpu", progress=QUIET,
    )  # fmt: skip
    rehearse(request)
