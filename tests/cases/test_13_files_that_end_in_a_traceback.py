"""Huge, damaged and strange files ended in a traceback; a folder as text did, too."""

import gzip
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from torch import nn

from ignite_unlearn import UnlearningError
from ignite_unlearn.metrics.feature_cache import cached_features
from ignite_unlearn.metrics.features import FeatureExtractor
from ignite_unlearn.recipes.data.idx import read_idx
from ignite_unlearn.recipes.data.image_folder import load_image_folder, read_images


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def huge(path):
    header = struct.pack(">IIBBBBB", 14000, 14000, 8, 0, 0, 0, 0)  # nothing but the header is looked at
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))


def cut(path):
    whole = path.with_name("whole.png")
    Image.fromarray(np.random.default_rng(0).integers(256, size=(64, 64), dtype=np.uint8)).save(whole)
    path.write_bytes(whole.read_bytes()[:2000])
    whole.unlink()


BAD = {
    "huge.png": huge,
    "cut.png": cut,
    "short.pgm": lambda path: path.write_bytes(b"P5\n64 64\n255\n"[:10]),
    "header.ppm": lambda path: path.write_bytes(b"P6\n64 sixty\n255\n"),
    "lab.tif": lambda path: Image.new("LAB", (16, 16)).save(path),
    "empty.jpg": lambda path: path.write_bytes(b""),
    "text.gif": lambda path: path.write_text("GIF89a"),
    "dangling.png": lambda path: path.symlink_to("nowhere"),
}


@pytest.mark.parametrize("name", BAD)
def test_one_sentence_names_the_file(tmp_path, name):
    BAD[name](tmp_path / name)
    readers = [
        lambda: read_images([(tmp_path / name, 0)], size=16, channels=1),
        lambda: FeatureExtractor(nn.Flatten(), "pixels")(tmp_path),
    ]
    for read in readers[:1] if name == "lab.tif" else readers:  # some Pillows convert LAB to RGB
        with pytest.raises(UnlearningError, match=rf"{name} is no intact image \(.*\): get it again") as raised:
            read()
        assert "\n" not in str(raised.value)


def test_folders_may_be_given_as_text(tmp_path):
    for kind in "ab":
        (tmp_path / "data" / kind).mkdir(parents=True)
        for i in range(10):
            Image.fromarray(np.full((16, 16), 16 * i + ord(kind), np.uint8)).save(tmp_path / "data" / kind / f"{i}.png")
    extractor = FeatureExtractor(nn.Flatten(), "pixels")
    assert extractor(str(tmp_path / "data")).shape == (20, 3 * 256)
    assert cached_features(extractor, str(tmp_path / "data"), str(tmp_path / "kept")).shape == (20, 3 * 256)
    assert len(load_image_folder(str(tmp_path / "data"), size=16, channels=1).images) == 18


def test_a_damaged_archive_is_a_sentence_too(tmp_path):
    content = bytearray(gzip.compress(b"\0\0\x08\x01" + (9 * 256).to_bytes(4, "big") + bytes(range(256)) * 9))
    content[60:100] = bytes(40)
    (tmp_path / "images.gz").write_bytes(content)
    with pytest.raises(UnlearningError, match=r"images\.gz cannot be read"):
        read_idx(tmp_path / "images.gz")
