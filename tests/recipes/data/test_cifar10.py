import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from ignite_unlearn import UnlearningError
from ignite_unlearn.recipes.data.cifar10 import load_cifar10, load_small_cifar10
from ignite_unlearn.recipes.stock.cifar10_items import RECIPE

NAMES = [f"class{k}" for k in range(10)]


def write(root, each):
    """Class folders of images whose first pixel tells the class."""
    stream = np.random.default_rng(0)
    for k, name in enumerate(NAMES):
        (root / "train" / name).mkdir(parents=True)
        for i in range(each):
            pixels = stream.integers(256, size=(32, 32, 3), dtype=np.uint8)
            pixels[0, 0] = k
            Image.fromarray(pixels).save(root / "train" / name / f"{i}.png")


def test_class_folders_are_read_and_split_without_overlap(tmp_path):
    write(tmp_path, 4)
    data = load_small_cifar10(tmp_path, trained=15, unseen=20)
    together = torch.cat([data.images, data.unseen])
    assert data.images.shape == (15, 3, 32, 32) and data.unseen.shape == (20, 3, 32, 32)
    assert len(together.flatten(1).unique(dim=0)) == 35 and together.min() >= -1 and together.max() <= 1
    labels = torch.cat([data.labels, data.unseen_labels])
    assert torch.equal(((together[:, 0, 0, 0] + 1) * 127.5).round().long(), labels)
    nets = RECIPE.nets.generator(data), RECIPE.nets.discriminator(data)
    assert nets[0](torch.randn(2, 128)).shape == (2, 3, 32, 32) and nets[1](data.images[:2]).shape == (2,)


def test_the_whole_set_is_unseen_where_it_is_tested(tmp_path):
    write(tmp_path, 3)
    write(tmp_path / "other", 2)
    (tmp_path / "other" / "train").rename(tmp_path / "test")
    data = load_cifar10(tmp_path)
    assert (data.name, data.classes, data.size, data.channels) == ("CIFAR-10", 10, 32, 3)
    assert len(data.images) == 30 and len(data.unseen) == 20


def test_torchvisions_root_is_read(tmp_path, monkeypatch):
    from torchvision.datasets import CIFAR10

    monkeypatch.setattr(CIFAR10, "_check_integrity", lambda self: True)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    with pytest.raises(UnlearningError, match="no intact"):
        monkeypatch.setattr(CIFAR10, "_load_meta", lambda self: None)
        load_small_cifar10(tmp_path, trained=3, unseen=3)
    stream = np.random.default_rng(0)
    for i in range(1, 6):
        pixels = stream.integers(256, size=(4, 3072), dtype=np.uint8)
        (folder / f"data_batch_{i}").write_bytes(pickle.dumps({"data": pixels, "labels": [i, i, i, i]}))
    data = load_small_cifar10(tmp_path, trained=10, unseen=10)
    assert data.images.shape == (10, 3, 32, 32) and data.labels.min() >= 1


def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path):
    with pytest.raises(UnlearningError, match="give --data-root"):
        load_small_cifar10(None)
    with pytest.raises(UnlearningError, match="holds 0 class folders"):
        load_small_cifar10(tmp_path / "nowhere")
    write(tmp_path, 1)
    with pytest.raises(UnlearningError, match="10 training images, but 11000 are needed"):
        load_small_cifar10(tmp_path)
    (tmp_path / "train" / "class3" / "0.png").write_bytes(b"no image")
    with pytest.raises(UnlearningError, match="no intact image"):
        load_small_cifar10(tmp_path, trained=5, unseen=5)
    for path in (tmp_path / "train" / "class3").iterdir():
        path.unlink()
    for load in (load_cifar10, load_small_cifar10):
        with pytest.raises(UnlearningError, match="class3 holds no image files"):
            load(tmp_path)
    (tmp_path / "train" / "class3").rmdir()
    for load in (load_cifar10, load_small_cifar10):
        with pytest.raises(UnlearningError, match="holds 9 class folders: expected CIFAR-10's ten"):
            load(tmp_path)
