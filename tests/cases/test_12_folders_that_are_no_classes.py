"""Which folders are classes: hidden ones and splits are none, whatever their case, and names may be asked for."""

import zlib

import numpy as np
import pytest
from PIL import Image

from ignite_unlearn import UnlearningError
from ignite_unlearn.recipes import load_recipe
from ignite_unlearn.recipes.recipe import as_settings
from ignite_unlearn.runs.run import prepare_run

RECIPE = load_recipe("folder-class")


def make(folder, n=20, suffix="png"):
    folder.mkdir(parents=True)
    random = np.random.default_rng(zlib.crc32(str(folder).encode()))
    for i in range(n):
        Image.fromarray(random.integers(256, size=(16, 16, 3), dtype=np.uint8)).save(folder / f"{i}.{suffix}")


def ask(root, classes):
    return prepare_run(
        RECIPE, settings=("size=16", f"classes={classes}"), out=root / "out", data_root=root, device="cpu"
    )


def test_hidden_folders_and_files_are_left_out(tmp_path):
    for name in ("cat", "dog", "dog/more", ".ipynb_checkpoints", "__MACOSX/cat", "cat/.ipynb_checkpoints"):
        make(tmp_path / name)
    (tmp_path / "cat" / "._0.png").write_bytes(b"AppleDouble")
    data = ask(tmp_path, "cat").split.data
    assert data.class_names == ("cat", "dog") and len(data.images) + len(data.unseen) == 60


@pytest.mark.parametrize(
    "split",
    [("Training", "Testing"), ("Train", "Test"), ("train", "val"), ("TRAIN", "Validation"), ("training", "valid")],
)
def test_splits_are_found_whatever_they_are_called(tmp_path, split):
    for part, n in zip(split, (10, 5), strict=True):
        for kind in ("glioma", "meningioma", "notumor"):
            make(tmp_path / part / kind, n)
    request = ask(tmp_path, 0)
    assert request.split.data.class_names == ("glioma", "meningioma", "notumor")
    assert (
        len(request.split.data.images) == 30
        and len(request.split.data.unseen) == 15
        and int(request.split.forgotten.sum()) == 10
    )


def test_test_and_val_together_are_the_unseen_set(tmp_path):
    for part in ("train", "test", "val"):
        for kind in "ab":
            make(tmp_path / part / kind, 4)
    assert len(ask(tmp_path, "a").split.data.unseen) == 16


def test_a_class_may_be_called_train(tmp_path):
    for kind in ("bird", "train", "tvmonitor"):
        make(tmp_path / kind)
    request = ask(tmp_path, "train")
    assert request.options["classes"] == (1,) and "forget: classes 1 (train), " in request.plan()


def test_classes_are_called_by_name_and_numbers_that_are_other_names_are_refused(tmp_path):
    for kind in (0, 1, 2, 3, 10, 11):
        make(tmp_path / str(kind), 10)
    assert ask(tmp_path, "1,0").options["classes"] == (1, 0)  # at their own places: 0, 1, 10, 11, 2, 3
    for number, place in ((2, 4), (3, 5), (10, 2), (11, 3)):
        with pytest.raises(UnlearningError, match=f"the folder {number} is number {place}.*write classes=#{place}"):
            ask(tmp_path, number)
    request = ask(tmp_path, "#4")
    assert int(request.split.forgotten.sum()) > 0 and request.options["classes"] == (4,)
    # What a record holds is read again as what it meant.
    again = prepare_run(RECIPE, settings=as_settings(RECIPE, request.options), out=tmp_path / "out", data_root=tmp_path)
    assert again.options == request.options


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ("", "name at least one class, such as --set classes=NAME of cat, dog"),
        ("cow", r"classes=cow is no class of .*: choose of cat, dog"),
        ("7", "Class 7 is not in the data"),
        ("#cat", "did you mean cat"),
        ("-1", "is no class of .*: choose of cat, dog"),
        ("cat,dog", "All classes would be forgotten"),
    ],
)
def test_what_names_no_class_is_refused(tmp_path, classes, message):
    for kind in ("cat", "dog"):
        make(tmp_path / kind, 12)
    with pytest.raises(UnlearningError, match=message):
        ask(tmp_path, classes)


def test_classes_have_no_default_for_folders_alone(tmp_path):
    for kind in ("cat", "dog"):
        make(tmp_path / kind, 12)
    with pytest.raises(UnlearningError, match="name at least one class"):
        prepare_run(RECIPE, settings=("size=16",), out=tmp_path / "out", data_root=tmp_path)
    with pytest.raises(UnlearningError, match="whole numbers"):
        prepare_run(load_recipe("digits-class"), settings=("classes=three",), out=tmp_path / "out")


@pytest.mark.parametrize("suffix", ["gif", "jfif", "JPG"])
def test_every_kind_of_image_counts(tmp_path, suffix):
    for kind, of in (("a", "png"), ("b", suffix), ("c", "png")):
        make(tmp_path / kind, 20, of) if of != "jfif" else make(tmp_path / kind, 20, "jpg")
    for path in (tmp_path / "b").glob("*.jpg") if suffix == "jfif" else ():
        path.rename(path.with_suffix(".jfif"))
    request = ask(tmp_path, "b")
    assert request.split.data.classes == 3 and request.options["classes"] == (1,)


def test_links_are_followed_once(tmp_path):
    for kind in ("a", "b"):
        make(tmp_path / "real" / kind)
        (tmp_path / "data" / kind).mkdir(parents=True)
        (tmp_path / "data" / kind / "linked").symlink_to(tmp_path / "real" / kind, target_is_directory=True)
    (tmp_path / "data" / "c").symlink_to(tmp_path / "real" / "b", target_is_directory=True)
    (tmp_path / "real" / "a" / "up").symlink_to(tmp_path / "real", target_is_directory=True)
    assert ask(tmp_path / "data", "c").split.data.class_names == ("a", "b", "c")


def test_a_class_without_a_readable_image_is_told(tmp_path):
    for kind in ("a", "c", "d"):
        make(tmp_path / kind)
    (tmp_path / "b").mkdir()
    with pytest.raises(UnlearningError, match="b holds no image files: every folder is a class"):
        ask(tmp_path, "a")
    (tmp_path / "b" / "0.heic").write_bytes(b"")
    with pytest.raises(UnlearningError, match=r"0\.heic is an image of a kind that is not read: convert it"):
        ask(tmp_path, "a")
