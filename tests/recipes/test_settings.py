"""Options: what text becomes, and that what does not fit is refused before anything is trained."""

import math
from dataclasses import replace

import pytest

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.recipes import RECIPES, load_recipe
from ignite_unlearn.recipes.recipe import describe_options, parse_options
from ignite_unlearn.recipes.settings import SETTINGS, setting_of, show_value
from ignite_unlearn.recipes.stock.digits_class import RECIPE
from ignite_unlearn.runs.request import check_request

ALL = [load_recipe(name) for name in RECIPES]


def with_option(**options):
    return replace(RECIPE, options={**RECIPE.options, **options})


@pytest.mark.parametrize(("text", "value"), [("false", False), ("true", True), ("False", False), ("TRUE", True)])
def test_true_and_false_are_read_as_words(text, value):
    assert parse_options(with_option(flip=True), (f"flip={text}",))["flip"] is value
    with pytest.raises(UnlearningError, match="expected true or false, such as true"):
        parse_options(with_option(flip=True), ("flip=no",))


def test_classes_keep_the_order_that_they_are_given_in_and_none_is_named_twice(tmp_path):
    assert parse_options(RECIPE, ("classes=4,1",))["classes"] == (4, 1)
    with pytest.raises(UnlearningError, match="classes=4,1,4 does not fit: 4 is named twice"):
        parse_options(RECIPE, ("classes=4,1,4",))
    with pytest.raises(UnlearningError, match="classes=cat,dog,cat does not fit: cat is named twice"):
        parse_options(load_recipe("folder-class"), ("classes=cat,dog, cat",))
    assert parse_options(load_recipe("folder-class"), ("classes=dog, 2",))["classes"] == ("dog", "2")
    asked = [check_request(RECIPE, settings=(f"classes={c}",), out=tmp_path / "out") for c in ("4,1", "1,4")]
    assert asked[0].forgotten.equal(asked[1].forgotten)


@pytest.mark.parametrize("recipe", ALL, ids=lambda recipe: recipe.name)
def test_every_number_of_every_recipe_has_a_bound_that_its_default_keeps_and_a_meaning(recipe):
    parse_options(recipe, ())
    shown = describe_options(recipe).splitlines()
    assert len(shown) == len(recipe.options)
    for (key, default), line in zip(recipe.options.items(), shown, strict=True):
        setting = setting_of(key, default)
        assert line.startswith(f"  {key}={show_value(default)} ") and setting.text and setting.text in line
        if setting.kind in (int, float):
            assert setting.at_least is not None or setting.above is not None


@pytest.mark.parametrize("recipe", ALL, ids=lambda recipe: recipe.name)
def test_numbers_beyond_their_bounds_and_those_that_are_none_are_refused(recipe):
    for key, default in recipe.options.items():
        setting = setting_of(key, default)
        if setting.kind not in (int, float):
            continue
        low = setting.at_least if setting.above is None else setting.above
        wrong = [low - 1, *([] if setting.above is None else [low])]
        wrong += ["nan", "inf", "-inf", "1e999"] if setting.kind is float else ["1.5", "nan", "1e3"]
        wrong += [] if setting.at_most is None else [setting.at_most + 1]
        for value in wrong:
            text = f"{setting.kind(value)}" if isinstance(value, (int, float)) else value
            with pytest.raises(UnlearningError, match=f"--set {key}=.* does not fit: expected "):
                parse_options(recipe, (f"{key}={text}",))
        # The bound itself fits, but for what else would have to change.
        if setting.above is None and key != "latent":
            assert parse_options(recipe, (f"{key}={setting.kind(low)}", *_fitting(recipe)))[key] == low
        assert parse_options(recipe, (f"{key}={default}",))[key] == default


def _fitting(recipe):
    return ("start=none",) if "start" in recipe.options else ()


@pytest.mark.parametrize(
    "text",
    ["g_width=0", "g_width=1", "latent=0", "g_lr=-1e-3", "d_lr=nan", "unlearning_lr=-1", "anchor=-1", "batch_size=1",
     "unlearning_eps=0", "fid_tolerance=nan", "share_tolerance=1.5", "samples=1"],
)  # fmt: skip
def test_what_cannot_work_is_refused_before_the_data_is_read(tmp_path, text):
    def load(root, options):
        raise AssertionError("read")

    with pytest.raises(UnlearningError, match=f"--set {text.split('=')[0]}="):
        check_request(replace(RECIPE, load_data=load), settings=(text,), out=tmp_path / "out")


@pytest.mark.parametrize("width", ["g_width", "d_width", "latent"])
def test_the_narrowest_nets_that_are_taken_can_be_made_and_do_make_images(width):
    import torch

    from tests.recipes.test_class_gans import data

    for recipe in ALL:
        options = parse_options(recipe, _fitting(recipe)) | {"components": 0}
        options[width] = int(SETTINGS[width].at_least)
        images = data(16 if recipe.name == "digits-class" else 32, 1 if recipe.name == "digits-class" else 3)
        G, D = recipe.generator(options, images), recipe.discriminator(options, images)
        asked = (torch.tensor([0, 1]),) if recipe.conditional else ()
        made = G(torch.randn(2, options["latent"]), *asked)
        assert made.shape[1:] == images.images.shape[1:] and D(made, *asked).shape == (2,)
        assert made.isfinite().all()


def test_a_recipe_s_own_defaults_are_checked_too():
    with pytest.raises(UnlearningError, match=r"g_lr=-1\.0 does not fit: expected more than 0"):
        parse_options(with_option(g_lr=-1.0), ())
    with pytest.raises(UnlearningError, match="substitution=magic is not known"):
        parse_options(with_option(substitution="magic"), ())
    with pytest.raises(UnlearningError, match="own has the default None: expected a whole number"):
        parse_options(with_option(own=None), ())


def test_a_recipe_may_have_options_of_its_own():
    recipe = with_option(strength=0.5, often=3, label="a", parts=(1, 2))
    options = parse_options(recipe, ("strength=1.5", "often=-2", "label=b", "parts=2,1"))
    assert [options[key] for key in ("strength", "often", "label", "parts")] == [1.5, -2, "b", (2, 1)]
    with pytest.raises(UnlearningError, match="strength=nan does not fit: expected a finite number"):
        parse_options(recipe, ("strength=nan",))
    # A whole number as the default of what is known to be none is no reason to refuse others.
    assert parse_options(with_option(anchor=8), ("anchor=0.5",))["anchor"] == 0.5
    # A name that is known for something else is the recipe's own.
    assert setting_of("every", "day").kind is str


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
        parse_options(load_recipe(name), settings)


def test_what_is_shown_can_be_given_back():
    for recipe in ALL:
        options = parse_options(recipe, ())
        again = parse_options(recipe, tuple(f"{key}={show_value(value)}" for key, value in options.items()))
        assert again == options and not any(isinstance(v, float) and math.isnan(v) for v in again.values())
    recipe = with_option(flip=False)
    assert parse_options(recipe, (f"flip={show_value(False)}",))["flip"] is False
