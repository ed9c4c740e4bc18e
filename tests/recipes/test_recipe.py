import pytest
import torch

from ignite_unlearn import UnlearningError
from ignite_unlearn.recipes import load_recipe, stock_recipes
from ignite_unlearn.recipes.data import FewDigits
from ignite_unlearn.recipes.data.digits import load_digits
from ignite_unlearn.recipes.recipe import with_settings
from ignite_unlearn.recipes.settings import describe
from ignite_unlearn.recipes.stock.digits_class import RECIPE
from ignite_unlearn.runs.run import prepare_run


def test_every_listed_recipe_loads_under_its_name():
    assert [load_recipe(name).name for name in stock_recipes()] == list(stock_recipes())


def test_the_digits_are_split_once_for_all_seeds():
    data = load_digits()
    assert data.images.shape == (1437, 1, 16, 16) and len(data.unseen) == 360
    assert data.images.min() >= -1 and data.images.max() <= 1
    torch.manual_seed(5)
    assert load_digits().sha256 == data.sha256
    rows = {row.numpy().tobytes() for row in data.images}
    assert sum(row.numpy().tobytes() in rows for row in data.unseen) == 0


def test_few_digits_are_among_the_first_of_the_same_order_and_all_others_are_unseen(tmp_path):
    few, many = FewDigits(trained=20).load(), load_digits()
    assert torch.equal(few.images, many.images[:20]) and torch.equal(few.labels, many.labels[:20])
    assert len(few.images) + len(few.unseen) == len(many.images) + len(many.unseen)
    assert torch.equal(few.unseen[: 1437 - 20], many.images[20:])
    with pytest.raises(UnlearningError, match="digits-items has its data from scikit-learn"):
        FewDigits().load(tmp_path)


def test_the_nets_fit_the_data():
    data = load_digits()
    G, D, C = RECIPE.nets.generator(data), RECIPE.nets.discriminator(data), RECIPE.classifier(data)
    labels = torch.arange(4)
    images = G(torch.randn(4, RECIPE.nets.latent), labels)
    assert images.shape[1:] == data.images.shape[1:] and images.abs().max() <= 1
    assert D(images, labels).shape == (4,)
    assert C(images).shape == (4, 10) and C.features(images).shape == (4, 64)


def test_settings_are_read_by_the_type_of_their_default():
    options = with_settings(RECIPE, ("classes=4,1", "iterations=20", "g_lr=1e-3", "substitution=mean_image")).options
    assert (options["classes"], options["iterations"], options["g_lr"]) == ((4, 1), 20, 1e-3)
    assert options["substitution"] == "mean_image" and options["d_lr"] == RECIPE.options["d_lr"]
    assert [text.partition("=")[0] for text in describe(RECIPE)] == list(RECIPE.options)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": ("clases=3",)}, "'clases=3' is not an option of digits-class"),
        ({"settings": ("classes",)}, "expected --set classes=value"),
        ({"settings": ("iterations=many",)}, "expected a whole number, such as 1800"),
        ({"settings": ("classes=three",)}, "whole numbers separated by commas"),
        ({"settings": ("g_lr=fast",)}, "expected a number"),
        ({"settings": ("classes=11",)}, "Class 11 is not in the data: scikit-learn digits has classes 0 to 9"),
        ({"settings": ("classes=0,1,2,3,4,5,6,7,8,9",)}, "All classes would be forgotten"),
        ({"settings": ("classes=",)}, "forget set is empty"),
        ({"settings": ("iterations=0",)}, "expected at least 1"),
        ({"settings": ("substitution=magic",)}, "choose of other_class"),
        ({"settings": ("fake_label=magic",)}, "choose of between"),
        ({"device": "tpu9"}, "--device tpu9"),
        ({"device": "cuda:7"}, "torch sees"),
    ],
)
def test_a_request_that_does_not_fit_is_refused_in_a_sentence_and_writes_nothing(tmp_path, changes, message):
    out = tmp_path / "out"
    with pytest.raises(UnlearningError, match=message) as raised:
        prepare_run(RECIPE, out=out, **changes)
    assert "\n" not in str(raised.value) and not out.exists()


def test_an_output_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnlearningError, match="not a folder that you may write to"):
        prepare_run(RECIPE, out=tmp_path / "file" / "deep")
