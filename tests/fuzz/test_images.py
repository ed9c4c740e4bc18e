"""IDX files and folders of images as anybody may have left them."""

import gzip
import io
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from ignite_unlearn.metrics.features import FeatureExtractor
from ignite_unlearn.recipes.data.idx import read_idx, read_idx_images
from ignite_unlearn.recipes.data.image_folder import load_image_folder
from ignite_unlearn.utils.image_files import read_image
from tests.fuzz.judged import judged, launched
from tests.fuzz.values import corrupted

KINDS = ("bytes", "bytes", "bytes", "folder", "pipe", "loop", "nowhere", "device")


def leave(path, kind, content):
    if kind == "bytes":
        path.write_bytes(content)
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"loop": path.name, "nowhere": "none", "device": "/dev/zero"}[kind])


@st.composite
def idx_files(draw, dimensions):
    """Returns the bytes of an IDX file, or of nearly one."""
    shape = draw(st.lists(st.integers(0, 30), min_size=dimensions, max_size=dimensions))
    if draw(st.integers(0, 3)) == 0:
        shape = draw(st.lists(st.sampled_from([0, 1, 2, 2**16, 2**31, 2**32 - 1]), min_size=0, max_size=255))
    size = int(np.prod([float(n) for n in shape]))
    count = draw(st.sampled_from([size, size - 1, size + 1, 0, 1])) if size < 10**5 else draw(st.integers(0, 9))
    body = bytes([draw(st.integers(0, 255))]) * max(0, min(count, 10**5))
    magic = draw(st.sampled_from([b"\0\0\x08", b"\0\0\x08", b"\0\0\x08", b"\0\0\x0d", b"abc"]))
    content = magic + bytes([draw(st.sampled_from([len(shape), len(shape), 255, 0]))])
    content += b"".join(n.to_bytes(4, "big") for n in shape) + body
    return draw(corrupted(content)) if draw(st.integers(0, 3)) == 0 else content


def bomb():
    """Returns 3 GiB in 3 MB."""
    part = gzip.compress(bytes(1 << 26), 1)
    return part * 48


BOMB = bomb()


@pytest.mark.fuzz
@given(data=st.data(), kind=st.sampled_from(KINDS))
def test_idx_files_are_read_or_refused(tmp_path_factory, data, kind):
    folder = tmp_path_factory.mktemp("idx")
    names = {"train-images-idx3-ubyte": 3, "train-labels-idx1-ubyte": 1}
    names |= {"t10k-images-idx3-ubyte": 3, "t10k-labels-idx1-ubyte": 1} if data.draw(st.booleans()) else {}
    for name, dimensions in names.items():
        content = data.draw(idx_files(dimensions))
        zipped = data.draw(st.booleans())
        if zipped:
            content = gzip.compress(content)
            content = data.draw(corrupted(content)) if data.draw(st.integers(0, 3)) == 0 else content
            content = BOMB if data.draw(st.integers(0, 9)) == 0 else content
        leave(folder / f"{name}{'.gz' if zipped else ''}", kind if data.draw(st.booleans()) else "bytes", content)
    for path in folder.iterdir():
        judged(lambda path=path: read_idx(path))
    pair = judged(lambda: read_idx_images(folder, "train", "MNIST"))
    if pair is not None:
        images, labels = pair
        assert images.dim() == 4 and len(images) == len(labels) > 0 and images.shape[2:].numel()
        assert labels.min() >= 0 and labels.max() <= 9 and images.abs().max() <= 1
    launched(
        "run",
        data.draw(st.sampled_from(["mnist-class", "mnist-items"])),
        "--data-root",
        folder,
        "--dry-run",
        "--out",
        folder / "out",
        "--device",
        "cpu",
    )


def encoded(size, mode, form, **more):
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, form, **more)
    return stream.getvalue()


PICTURES = {
    ".png": encoded((20, 18), "RGB", "PNG"),
    ".jpg": encoded((20, 18), "L", "JPEG"),
    ".gif": encoded((20, 18), "P", "GIF"),
    ".bmp": encoded((20, 18), "RGB", "BMP"),
    ".tif": encoded((20, 18), "I;16", "TIFF"),
    ".webp": encoded((20, 18), "RGBA", "WEBP"),
    ".ppm": encoded((20, 18), "RGB", "PPM"),
    ".eps": encoded((20, 18), "RGB", "EPS"),
    ".pdf": encoded((20, 18), "RGB", "PDF"),
    ".ico": encoded((20, 18), "RGBA", "ICO"),
}
SUFFIXES = st.sampled_from([".png", ".jpg", ".gif", ".bmp", ".tif", ".webp", ".ppm"])
NAMES = st.sampled_from([b"a", b"\xff\xfe", b"a\x1b[31mb", b"a\nb", b"a b", "\u202eb".encode(), b"x" * 240, b"-", b"@"])


@pytest.mark.fuzz
@given(data=st.data(), suffix=SUFFIXES, kind=st.sampled_from(KINDS))
def test_images_are_read_or_refused(tmp_path_factory, data, suffix, kind):
    path = tmp_path_factory.mktemp("image") / f"a{suffix}"
    content = PICTURES[data.draw(st.sampled_from(list(PICTURES)))]
    leave(path, kind, data.draw(corrupted(content)) if data.draw(st.integers(0, 4)) else content)
    image = judged(lambda: read_image(path, data.draw(st.sampled_from(["L", "RGB"])), upright=data.draw(st.booleans())))
    assert image is None or image.mode in ("L", "RGB")
    judged(lambda: FeatureExtractor(nn.Flatten(), "pixels")(path.parent))


@pytest.mark.fuzz
@given(data=st.data())
def test_folders_of_images_are_read_or_refused(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("folder")
    classes = data.draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    for number, kind in enumerate(classes):
        inner = folder / os.fsdecode(kind)
        inner.mkdir()
        for i in range(data.draw(st.integers(0, 8))):
            suffix = data.draw(SUFFIXES)
            name = data.draw(NAMES) + str(i).encode() + suffix.encode()
            content = bytearray(PICTURES[suffix])
            content[-1] ^= number * 16 + i if suffix in (".bmp", ".ppm") else 0
            (inner / os.fsdecode(name)).write_bytes(content)
    judged(
        lambda: load_image_folder(
            folder, size=16, channels=data.draw(st.sampled_from([1, 3])), flat=data.draw(st.booleans())
        )
    )
    asked = data.draw(st.sampled_from(["folder-class", "folder-items"]))
    more = {"folder-class": ["--set", data.draw(st.sampled_from(["classes=#0", "classes=a", "classes=\udcff\udcfe"]))]}
    launched(
        "run",
        asked,
        "--data-root",
        folder,
        "--dry-run",
        "--out",
        folder / "out",
        "--device",
        "cpu",
        "--set",
        "size=16",
        *more.get(asked, ["--set", "items=1"]),
    )
