"""Grey of 16 bits was cut off at 255: images were white, and trained on."""

import numpy as np
import pytest
import torch
from PIL import Image

from ignite_unlearn import UnlearningError
from ignite_unlearn.metrics.features import FeatureExtractor
from ignite_unlearn.recipes.data.image_folder import read_images

RAMP = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1))


def save(path):
    if path.suffix == ".pgm":
        path.write_bytes(b"P5\n64 64\n65535\n" + RAMP.astype(">u2").tobytes())
    elif path.name == "big-endian.tif":
        Image.frombytes("I;16B", (64, 64), RAMP.astype(">u2").tobytes()).save(path)
    else:
        Image.fromarray(RAMP).save(path)
    return path


@pytest.mark.parametrize("name", ["ramp.png", "ramp.tif", "ramp.pgm", "big-endian.tif"])
def test_sixteen_bits_are_scaled_to_eight(tmp_path, name):
    path = save(tmp_path / name)
    images, _ = read_images([(path, 0)], size=64, channels=1)
    levels = ((images[0, 0] + 1) * 127.5).round()
    assert torch.equal(levels, torch.from_numpy(RAMP // 257).float()) and levels[0, ::16].tolist() == [0, 64, 129, 194]
    seen = FeatureExtractor(torch.nn.Flatten(), "pixels")(tmp_path)  # the other reader of folders
    assert np.array_equal(seen.reshape(3, 64, 64), np.stack([RAMP // 257] * 3))


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_values_of_no_known_range_are_refused_by_the_files_name(tmp_path, dtype):
    Image.fromarray(RAMP.astype(dtype)).save(tmp_path / "ramp.tif")
    for read in (
        lambda: read_images([(tmp_path / "ramp.tif", 0)], size=64, channels=1),
        lambda: FeatureExtractor(torch.nn.Flatten(), "pixels")(tmp_path),
    ):
        with pytest.raises(UnlearningError, match=r"ramp\.tif has values of 32 bits \(mode [IF]\)"):
            read()
