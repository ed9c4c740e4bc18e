import numpy as np
import torch
from PIL import Image

from ignite_unlearn.utils.pictures import save_picture, side_by_side


def test_panels_stand_side_by_side_in_their_order(tmp_path):
    picture = side_by_side({"a": torch.full((4, 1, 32, 32), -1.0), "b": torch.full((4, 1, 32, 32), 1.0)}, columns=2)
    row = np.asarray(picture.convert("L"))[30]
    assert row[15:35].max() == 0 and row[-35:-15].min() == 255
    save_picture(picture, tmp_path / "deep" / "a.png")
    with Image.open(tmp_path / "deep" / "a.png") as saved:
        assert saved.size == picture.size


def test_the_value_range_decides_what_is_white():
    picture = side_by_side({"a": torch.full((1, 3, 40, 40), 1.0)}, columns=1, value_range=(0, 2))
    assert abs(np.asarray(picture)[30, 25].astype(int) - 128).max() <= 1


def test_of_a_volume_the_middle_slice_is_shown():
    volumes = torch.full((2, 1, 5, 40, 40), -1.0)
    volumes[:, :, 2] = 1.0
    assert np.asarray(side_by_side({"a": volumes}, columns=2))[30, 25].min() == 255
