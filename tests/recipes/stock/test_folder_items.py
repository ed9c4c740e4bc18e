"""Which files are forgotten: by name, by a list, in flat folders."""

import numpy as np
import pytest
from PIL import Image

from ignite_unlearn import UnlearningError
from ignite_unlearn.forget.kept_inversion import KeptInversion
from ignite_unlearn.recipes import load_recipe
from ignite_unlearn.recipes.methods.method import Material
from ignite_unlearn.recipes.tasks import instruments as instruments_module
from ignite_unlearn.runs.finished import Finished
from ignite_unlearn.runs.pipeline import carry_out
from ignite_unlearn.runs.progress import QUIET
from ignite_unlearn.runs.run import prepare_run
from ignite_unlearn.utils.image_files import find_files

RECIPE = load_recipe("folder-items")
SHORT = (
    "size=16", "iterations=4", "g_width=8", "d_width=8", "batch_size=8", "candidates=16", "samples=16", "held_rows=16",
    "unlearning_iterations=1", "unlearning_batch_size=8", "later=1", "generator_half=never",
)  # fmt: skip


def fill(folder, n, seed=0):
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    for i in range(n):
        Image.fromarray(random.integers(256, size=(16, 16, 3), dtype=np.uint8)).save(folder / f"{i:02}.png")


def ask(root, *settings, out=None, **how):
    out = out or root.parent / "out"
    return prepare_run(
        RECIPE, settings=(*SHORT, *settings), out=out, data_root=root, device="cpu", progress=QUIET, **how
    )


def names(request):
    return {request.split.data.files[i].name for i in request.split.forgotten.nonzero().flatten().tolist()}


def test_files_are_named_and_never_drawn_into_the_unseen_tenth(tmp_path):
    fill(tmp_path / "data", 40)
    for i in range(40):
        request = ask(tmp_path / "data", f"files={i:02}.png")
        assert (
            names(request) == {f"{i:02}.png"} and request.options["items"] == 1 and len(request.split.data.unseen) == 4
        )


def faces(root, *settings):
    short = ("size=16", "iterations=4", "g_width=8", "d_width=8", "batch_size=8", "samples=16", "later=1", "items=2")
    return prepare_run(
        load_recipe("faces-items"), settings=(*short, "unlearning_iterations=1", *settings), out=root.parent / "out",
        data_root=root, device="cpu", progress=QUIET,
    )  # fmt: skip


def test_a_folder_of_few_faces_is_enough_for_a_phase_that_chooses_by_itself(tmp_path):
    fill(tmp_path / "data" / "train", 12), fill(tmp_path / "data" / "test", 15, seed=1)
    with pytest.raises(UnlearningError, match=r"15 unseen images, .* at least 16: give more in a folder test\.$"):
        faces(tmp_path / "data", "files=03.png")
    Image.fromarray(np.full((16, 16), 7, np.uint8)).save(tmp_path / "data" / "test" / "last.png")
    run = faces(tmp_path / "data", "files=train/03.png,train/05.png")
    assert int(run.split.forgotten.sum()) == 2 and [
        len(part[0]) for part in (run.split.calibration, run.split.scoring)
    ] == [8, 8]
    forget = run.recipe.task.forget(run.split, None, KeptInversion(), progress=False)
    phase = run.recipe.method.phase(run.new_gan(), forget, Material(run.split, None, 0, 0))
    assert phase.forget.search is not None and type(phase.step.discriminator_step).__name__ == "KFAC"


def test_too_few_unseen_images_for_the_phase_are_told_before_the_training(tmp_path):
    fill(tmp_path / "data", 150)
    with pytest.raises(UnlearningError, match=r"15 unseen images, .* at least 16"):
        ask(tmp_path / "data", "generator_half=where_known")
    assert len(ask(tmp_path / "data").split.data.unseen) == 15


def test_a_list_names_them_as_well(tmp_path):
    fill(tmp_path / "data", 12)
    fill(tmp_path / "data" / "more", 12, seed=1)
    (tmp_path / "list.txt").write_text("data/03.png\n\nmore/05.png\n")
    request = ask(tmp_path / "data", f"files=@{tmp_path / 'list.txt'}")
    assert names(request) == {"03.png", "05.png"} and request.split.data.class_names == ()
    assert names(ask(tmp_path / "data", "files=data/03.png, more/05.png")) == {"03.png", "05.png"}
    with pytest.raises(UnlearningError, match=r"03\.png names 2 files of the data \(.*\): give a path that names one"):
        ask(tmp_path / "data", "files=03.png")
    with pytest.raises(UnlearningError, match="names 0 files of the data: give a path that names one, not a pattern"):
        ask(tmp_path / "data", "files=/elsewhere/*.jpeg")
    with pytest.raises(UnlearningError, match=r"more/5\.png names 0 files of the data: did you mean more/05\.png"):
        ask(tmp_path / "data", "files=more/5.png")
    with pytest.raises(UnlearningError, match="cannot be read as a list of files"):
        ask(tmp_path / "data", "files=@nowhere.txt")


def test_flat_folders_may_be_parted(tmp_path):
    fill(tmp_path / "data" / "train", 20)
    fill(tmp_path / "data" / "test", 5, seed=1)
    request = ask(tmp_path / "data", "items=3")
    assert len(request.split.data.images) == 20 and len(request.split.data.unseen) == 5
    with pytest.raises(UnlearningError, match="holds 0 class folders"):
        prepare_run(
            load_recipe("folder-class"), settings=("size=16", "classes=0"), out=tmp_path, data_root=tmp_path / "data"
        )


def test_all_images_cannot_be_forgotten_even_by_their_copies(tmp_path):
    for i in range(20):
        (tmp_path / "data").mkdir(exist_ok=True)
        Image.new("RGB", (16, 16), (255 * (i % 2), 0, 0)).save(tmp_path / "data" / f"{i}.png")
    fill(tmp_path / "data" / "test", 3)
    (tmp_path / "data" / "train").mkdir()
    for path in sorted((tmp_path / "data").glob("*.png")):
        path.rename(path.parent / "train" / path.name)
    with pytest.raises(UnlearningError, match="All training images are to be forgotten, or copies"):
        ask(tmp_path / "data", "files=train/0.png,train/1.png")


def test_a_run_on_a_flat_folder_is_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(instruments_module, "_EPOCHS", 1)
    fill(tmp_path / "data", 80)
    request = ask(tmp_path / "data", "files=03.png,17.png")
    record = carry_out(request)
    assert record.forget["count"] == 2 and "no classes" in record.data["name"]
    again = Finished.read(request.out, data_root=tmp_path / "data", progress=QUIET)
    assert names(again.run) == {"03.png", "17.png"} and again.run.options == request.options


def test_paths_are_matched_by_their_ends():
    paths = ["data/a/1.png", "data/b/1.png", "data/b/11.png"]
    assert find_files(paths, ["b/1.png", "11.png", "data/a/1.png"]) == [1, 2, 0]


def test_a_folder_that_a_recipe_does_not_read_is_refused(tmp_path):
    with pytest.raises(UnlearningError, match=r"digits-class .* does not read .*: leave --data-root out"):
        prepare_run(load_recipe("digits-class"), out=tmp_path / "out", data_root=tmp_path)
