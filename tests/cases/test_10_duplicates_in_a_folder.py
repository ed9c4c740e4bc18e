"""Copies of a forgotten file made the phase fail after the training; they join the request, and that is told before."""

import numpy as np
import pytest
import torch
from PIL import Image

from ignite_unlearn.recipes.stock.folder_items import RECIPE
from ignite_unlearn.recipes.tasks.instruments import as_instruments
from ignite_unlearn.runs.progress import QUIET
from ignite_unlearn.runs.run import prepare_run
from ignite_unlearn.runs.unlearning import Unlearning

SMALL = (
    "size=16", "items=4", "g_width=8", "d_width=8", "candidates=64", "samples=64", "held_rows=16",
    "unlearning_iterations=1", "later=1",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    random, root = np.random.default_rng(0), tmp_path_factory.mktemp("data")
    for kind in "ab":
        (root / kind).mkdir()
        for i in range(45):
            image = Image.fromarray(random.integers(256, size=(16, 16, 3), dtype=np.uint8))
            image.save(root / kind / f"{i:02}.png")
            image.save(root / kind / f"{i:02} (1).png")
    return root


def ask(folder, out, *settings, **changes):
    return prepare_run(RECIPE, settings=(*SMALL, *settings), out=out, data_root=folder, device="cpu", **changes)


def rows(images):
    return {image.numpy().tobytes() for image in images.contiguous()}


def test_copies_join_the_request_and_are_named_before_the_training(folder, tmp_path):
    request = ask(folder, tmp_path / "out")
    split = request.split
    forgotten, kept = rows(split.forget[0]), rows(split.retain[0])
    assert int(split.asked.sum()) == 4 and int(split.forgotten.sum()) == 8 and len(forgotten) == 4
    assert not forgotten & kept and not forgotten & rows(split.data.unseen)
    plan = request.plan()
    assert "forget: items, 8 training images" in plan and "with 4 copies of what was asked for: " in plan
    joined = [split.data.files[i] for i in (split.forgotten & ~split.asked).nonzero().flatten().tolist()]
    assert all(str(path) in plan for path in joined) and not (tmp_path / "out").exists()


def test_no_unseen_image_is_a_copy_of_a_training_image(folder, tmp_path):
    data = ask(folder, tmp_path / "out").split.data
    assert len(data.images) + len(data.unseen) == 180 and not rows(data.images) & rows(data.unseen)
    parted = tmp_path / "parted"
    for kind in "ab":
        for part in ("train", "test"):
            (parted / part / kind).mkdir(parents=True)
        for i, path in enumerate(sorted((folder / kind).iterdir())):
            for part in ("train", "test") if i == 7 else (("train", "test")[i > 69],):
                (parted / part / kind / path.name).write_bytes(path.read_bytes())
    request = ask(parted, tmp_path / "out")
    assert not rows(request.split.data.images) & rows(request.split.data.unseen)
    assert "are copies of training images and are left out of the unseen set: " in request.plan()
    assert str(parted / "test" / "a" / sorted(path.name for path in (folder / "a").iterdir())[7]) in request.plan()


def test_the_phase_runs_on_what_was_checked(folder, tmp_path):
    request = ask(folder, tmp_path / "out", progress=QUIET)
    gan, data = request.new_gan(), request.split.data
    before = [parameter.clone() for parameter in gan.discriminator.parameters()]
    net = request.recipe.classifier(data)
    instruments = as_instruments(net, net, data, request.recipe.classifier, "untrained")
    Unlearning(gan, request.recipe, request.split, instruments, seed=0, progress=QUIET).run(gan, None)
    assert any(not torch.equal(old, new) for old, new in zip(before, gan.discriminator.parameters(), strict=True))
