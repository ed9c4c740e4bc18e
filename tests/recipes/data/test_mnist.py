import gzip

import pytest
import torch

from ignite_unlearn import UnlearningError
from ignite_unlearn.recipes.data.idx import read_idx, read_idx_images
from ignite_unlearn.recipes.data.mnist import load_fashion_mnist, load_mnist, load_small_mnist


def idx(array):
    header = bytes([0, 0, 8, array.dim()]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.to(torch.uint8).numpy().tobytes()


def write(folder, n, *, zipped=True, kind="train"):
    stream = torch.Generator().manual_seed(0 if kind == "train" else 1)
    labels = torch.arange(n) % 10
    images = torch.randint(256, (n, 28, 28), generator=stream)
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in (("images-idx3-ubyte", images), ("labels-idx1-ubyte", labels)):
        path, content = folder / f"{kind}-{name}", idx(array)
        (path.with_name(path.name + ".gz") if zipped else path).write_bytes(
            gzip.compress(content) if zipped else content
        )
    return images, labels


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("inside", ["", "MNIST/raw"])
def test_idx_files_are_read_compressed_or_not_where_torchvision_leaves_them(tmp_path, zipped, inside):
    images, labels = write(tmp_path / inside, 12, zipped=zipped)
    read, read_labels = read_idx_images(tmp_path, "train", "MNIST")
    assert torch.equal(((read + 1) * 127.5).round().long()[:, 0], images) and torch.equal(read_labels, labels)


@pytest.mark.parametrize(("load", "name"), [(load_mnist, "MNIST"), (load_fashion_mnist, "FashionMNIST")])
def test_the_test_images_are_the_unseen_set(tmp_path, load, name):
    images, labels = write(tmp_path / name / "raw", 12)
    unseen, _ = write(tmp_path / name / "raw", 7, kind="t10k")
    data = load(tmp_path)
    assert torch.equal(((data.images + 1) * 127.5).round().long()[:, 0], images) and torch.equal(data.labels, labels)
    assert torch.equal(((data.unseen + 1) * 127.5).round().long()[:, 0], unseen)
    assert (data.size, data.channels, data.classes) == (28, 1, 10)


def test_the_small_set_and_the_unseen_set_share_nothing(tmp_path):
    write(tmp_path, 60)
    data = load_small_mnist(tmp_path, trained=20, unseen=30)
    together = torch.cat([data.images, data.unseen]).flatten(1)
    assert len(data.images) == 20 and len(data.unseen) == 30 and len(together.unique(dim=0)) == 50
    assert torch.equal(data.images, load_small_mnist(tmp_path, trained=20, unseen=30).images)


def test_a_small_part_may_be_shrunk_and_is_the_same_images(tmp_path):
    write(tmp_path, 60)
    whole, shrunk = (load_small_mnist(tmp_path, trained=20, unseen=30, size=size) for size in (28, 14))
    assert shrunk.images.shape == (20, 1, 14, 14) and shrunk.unseen.shape == (30, 1, 14, 14)
    blocks = whole.images.unflatten(2, (14, 2)).unflatten(4, (14, 2)).mean((3, 5))
    assert torch.allclose(shrunk.images, blocks, atol=1e-6) and torch.equal(shrunk.labels, whole.labels)
    assert whole.name == "a small part of MNIST" and shrunk.name == "a small part of MNIST, at 14 x 14"


def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path):
    with pytest.raises(UnlearningError, match="give --data-root"):
        read_idx_images(None, "train", "MNIST")
    with pytest.raises(UnlearningError, match="holds no train-images-idx3-ubyte"):
        read_idx_images(tmp_path, "train", "MNIST")
    write(tmp_path, 12)
    with pytest.raises(UnlearningError, match="12 images, but 7500 are needed"):
        load_small_mnist(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], gzip.compress(gzip.decompress(whole)[:-1]), gzip.compress(b"text"), b""):
        path.write_bytes(damaged)
        with pytest.raises(UnlearningError, match=r"intact IDX file"):
            read_idx(path)
