"""Settings: what text becomes, and that what does not fit is refused before anything is trained."""

import math
from dataclasses import dataclass, replace

import pytest
import torch

from ignite_unlearn import UnlearningError
from ignite_unlearn.recipes import load_recipe, stock_recipes
from ignite_unlearn.recipes.methods import CascadeOnClasses
from ignite_unlearn.recipes.nets import MixtureGAN
from ignite_unlearn.recipes.recipe import as_settings, with_settings
from ignite_unlearn.recipes.settings import changed, describe, flat, setting, settings_of, shown, spelled
from ignite_unlearn.recipes.stock.digits_class import RECIPE
from ignite_unlearn.recipes.stop import WhenForgotten
from ignite_unlearn.recipes.tasks import FoundClasses
from ignite_unlearn.recipes.training import Hinge, Training
from ignite_unlearn.runs.run import prepare_run
from tests.recipes.given import Unread
from tests.recipes.test_class_gans import data

ALL = [load_recipe(name) for name in stock_recipes()]


@dataclass(frozen=True)
class Own(Hinge):
    """A loss with settings of its own."""

    flip: bool = setting(True, "whether images are turned")
    strength: float = setting(0.5, "of the turn")
    often: int = setting(3)
    label: str = setting("a")
    parts: tuple[int, ...] = setting((1, 2))


def own(**values):
    return replace(RECIPE, training=replace(RECIPE.training, loss=Own(**values)))


def options(recipe, *settings):
    return with_settings(recipe, settings).options


@pytest.mark.parametrize(("text", "value"), [("false", False), ("true", True), ("False", False), ("TRUE", True)])
def test_true_and_false_are_read_as_words(text, value):
    assert options(own(), f"flip={text}")["flip"] is value
    with pytest.raises(UnlearningError, match="expected true or false, such as true"):
        with_settings(own(), ("flip=no",))


def test_classes_keep_the_order_that_they_are_given_in_and_none_is_named_twice(tmp_path):
    assert options(RECIPE, "classes=4,1")["classes"] == (4, 1)
    with pytest.raises(UnlearningError, match="classes=4,1,4 does not fit: 4 is named twice"):
        with_settings(RECIPE, ("classes=4,1,4",))
    with pytest.raises(UnlearningError, match="classes=cat,dog,cat does not fit: cat is named twice"):
        with_settings(load_recipe("folder-class"), ("classes=cat,dog, cat",))
    assert options(load_recipe("folder-class"), "classes=dog, 2")["classes"] == ("dog", "2")
    asked = [prepare_run(RECIPE, settings=(f"classes={c}",), out=tmp_path / "out") for c in ("4,1", "1,4")]
    assert asked[0].split.forgotten.equal(asked[1].split.forgotten)


@pytest.mark.parametrize("recipe", ALL, ids=lambda recipe: recipe.name)
def test_every_number_of_every_recipe_has_a_bound_that_its_default_keeps_and_a_meaning(recipe):
    with_settings(recipe, ())
    told, found = describe(recipe), list(settings_of(recipe))
    assert len(told) == len(recipe.options) and [one.key for one in found] == list(recipe.options)
    for one, (option, text) in zip(found, told.items(), strict=True):
        assert option == f"{one.key}={shown(one.value)}" and one.bounds.text and one.bounds.text in text
        if one.kind in (int, float):
            assert one.bounds.at_least is not None or one.bounds.above is not None


@pytest.mark.parametrize("recipe", ALL, ids=lambda recipe: recipe.name)
def test_numbers_beyond_their_bounds_and_those_that_are_none_are_refused(recipe):
    for one in settings_of(recipe):
        if one.kind not in (int, float):
            continue
        low = one.bounds.at_least if one.bounds.above is None else one.bounds.above
        wrong = [low - 1, *([] if one.bounds.above is None else [low])]
        wrong += ["nan", "inf", "-inf", "1e999"] if one.kind is float else ["1.5", "nan", "1e3"]
        wrong += [] if one.bounds.at_most is None else [one.bounds.at_most + 1]
        for value in wrong:
            text = f"{one.kind(value)}" if isinstance(value, (int, float)) else value
            with pytest.raises(UnlearningError, match=f"--set {one.key}=.* does not fit: expected "):
                with_settings(recipe, (f"{one.key}={text}",))
        # The bound itself fits, but for what else would have to change.
        if one.bounds.above is None and one.key != "latent":
            assert options(recipe, f"{one.key}={one.kind(low)}", *_fitting(recipe))[one.key] == low
        assert options(recipe, f"{one.key}={one.value}")[one.key] == one.value


def _fitting(recipe):
    return ("start=none",) if "start" in recipe.options else ()


@pytest.mark.parametrize(
    "text",
    ["g_width=0", "g_width=1", "latent=0", "g_lr=-1e-3", "d_lr=nan", "unlearning_lr=-1", "anchor=-1", "batch_size=1",
     "unlearning_eps=0", "fid_tolerance=nan", "share_tolerance=1.5", "samples=1"],
)  # fmt: skip
def test_what_cannot_work_is_refused_before_the_data_is_read(tmp_path, text):
    with pytest.raises(UnlearningError, match=f"--set {text.split('=')[0]}="):
        prepare_run(replace(RECIPE, data=Unread()), settings=(text,), out=tmp_path / "out")


@pytest.mark.parametrize("width", ["g_width", "d_width", "latent"])
def test_the_narrowest_nets_that_are_taken_can_be_made_and_do_make_images(width):
    for recipe in ALL:
        (least,) = (one.bounds.at_least for one in settings_of(recipe.nets) if one.key == width)
        fits = {"components": "0"} if "components" in recipe.options else {}
        nets = changed(recipe.nets, {width: str(least), **fits})
        images = data(16 if recipe.name == "digits-class" else 32, 1 if recipe.name == "digits-class" else 3)
        G, D = nets.generator(images), nets.discriminator(images)
        asked = (torch.tensor([0, 1]),) if nets.conditional else ()
        made = G(torch.randn(2, nets.latent), *asked)
        assert made.shape[1:] == images.images.shape[1:] and D(made, *asked).shape == (2,)
        assert made.isfinite().all()


def test_a_recipe_s_own_defaults_are_checked_too():
    with pytest.raises(UnlearningError, match=r"g_lr=-1\.0 does not fit: expected more than 0"):
        with_settings(replace(RECIPE, training=Training(g_lr=-1.0)), ())
    with pytest.raises(UnlearningError, match="substitution=magic is not known"):
        with_settings(replace(RECIPE, method=replace(RECIPE.method, substitution="magic")), ())
    with pytest.raises(UnlearningError, match="often has the default None: expected a whole number"):
        with_settings(own(often=None), ())
    with pytest.raises(UnlearningError, match="often has the default True: expected a whole number"):
        with_settings(own(often=True), ())


def test_a_recipe_may_have_settings_of_its_own():
    found = options(own(), "strength=1.5", "often=-2", "label=b", "parts=2,1")
    assert [found[key] for key in ("strength", "often", "label", "parts")] == [1.5, -2, "b", (2, 1)]
    with pytest.raises(UnlearningError, match="strength=nan does not fit: expected a finite number"):
        with_settings(own(), ("strength=nan",))
    # A whole number as the default of what is annotated as none is no reason to refuse others.
    eight = replace(RECIPE, method=replace(RECIPE.method, anchor=8))
    assert options(eight, "anchor=0.5")["anchor"] == 0.5


def test_two_parts_may_not_have_a_setting_of_the_same_name():
    @dataclass(frozen=True)
    class Twice(Hinge):
        batch_size: int = setting(1, "again")

    with pytest.raises(UnlearningError, match="Two parts have a setting that is called batch_size"):
        with_settings(replace(RECIPE, training=Training(loss=Twice())), ())


def test_a_setting_that_text_cannot_become_is_said_to_be_one():
    @dataclass(frozen=True)
    class Odd(Hinge):
        things: dict = setting(None, "of all kinds")  # noqa: RUF009

    with pytest.raises(UnlearningError, match="things is of a type that --set cannot read: annotate it as int, float"):
        with_settings(replace(RECIPE, training=Training(loss=Odd())), ())


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("mnist-class-unconditional", ("components=48",), "components=48 and --set latent=48 do not fit"),
        ("mnist-class-unconditional", ("components=1",), "start=drop_components needs .* components of at least 2"),
        ("mnist-class-unconditional", ("start=nearest_embedding",), "start=nearest_embedding needs a table of labels"),
        ("mnist-class-unconditional", ("substitution=other_class",), "substitution=other_class needs a GAN of classes"),
        ("mnist-class", ("start=drop_components",), "start=drop_components needs a GAN without labels"),
        ("mnist-items", ("substitution=unconfused_class",), "unconfused_class needs a GAN of classes"),
    ],
)
def test_choices_that_do_not_fit_together_are_refused(name, settings, message):
    with pytest.raises(UnlearningError, match=message):
        with_settings(load_recipe(name), settings)


@pytest.mark.parametrize(
    ("name", "parts", "message"),
    [
        ("mnist-class", {"nets": MixtureGAN()}, "these nets take none: use FoundClasses"),
        ("mnist-class", {"task": FoundClasses()}, "these nets take labels: use Classes"),
        (
            "mnist-class-unconditional",
            {"method": CascadeOnClasses(substitution="noise", start="none")},
            "use CascadeOnFoun",
        ),
        ("mnist-items", {"stop": WhenForgotten()}, "Whether items are forgotten is not measured .*AfterIterations"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused_before_the_data_is_read(tmp_path, name, parts, message):
    recipe = replace(load_recipe(name), data=Unread(), **parts)
    with pytest.raises(UnlearningError, match=message):
        prepare_run(recipe, out=tmp_path / "out")


def test_what_a_record_holds_can_be_given_back():
    for recipe in ALL:
        found = options(recipe)
        assert options(recipe, *as_settings(recipe, found)) == found
        assert not any(isinstance(value, float) and math.isnan(value) for value in found.values())
    assert options(own(flip=False), f"flip={shown(False)}")["flip"] is False
    assert as_settings(load_recipe("folder-class"), {"classes": [2, 0]}) == ("classes=#2,#0",)


def test_settings_reach_parts_of_parts_and_leave_what_is_none():
    made = changed(own(), {"strength": "2", "iterations": "5", "g_width": "7"})
    assert (made.training.loss.strength, made.training.iterations, made.nets.g_width) == (2.0, 5, 7)
    assert flat(made) == {**flat(own()), "strength": 2.0, "iterations": 5, "g_width": 7}
    assert spelled(made.training) == "Training(loss=Own)"
