import numpy as np
import pytest
import torch
from PIL import Image

from ignite_unlearn import UnlearningError
from ignite_unlearn.metrics.resize import CleanResize, to_bytes


def pillow(images, size=(299, 299)):
    """What clean-fid does with each channel of each image."""
    resized = [
        [np.asarray(Image.fromarray(c.astype(np.float32)).resize(size[::-1], Image.Resampling.BICUBIC)) for c in image]
        for image in to_bytes(images).expand(-1, 3, -1, -1).numpy()
    ]
    return torch.from_numpy(np.array(resized).clip(0, 255))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", [(8, 8), (16, 16), (28, 28), (31, 45), (64, 64), (299, 299), (299, 120), (320, 500)])
def test_it_equals_pillow_within_rounding(shape, channels):
    images = torch.rand(2, channels, *shape) * 2.4 - 1.2  # beyond [-1, 1] too: a generator without tanh
    assert (CleanResize()(images) - pillow(images)).abs().max() < 1e-3


def test_it_equals_clean_fids_own_resizer():
    from cleanfid.resize import build_resizer

    image = torch.rand(1, 3, 20, 30) * 2 - 1
    bytes_ = to_bytes(image)[0].permute(1, 2, 0).numpy()
    theirs = torch.from_numpy(build_resizer("clean")(bytes_)).permute(2, 0, 1)
    assert (CleanResize()(image)[0] - theirs).abs().max() < 1e-3


def test_bytes_are_those_of_a_saved_picture():
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_bytes(levels.float() / 127.5 - 1), levels)
    assert torch.equal(to_bytes(levels), levels)
    assert to_bytes(torch.tensor([-1.9, 1.9])).tolist() == [0, 255]


def test_one_channel_is_shown_three_times():
    image = torch.rand(1, 1, 9, 9)
    assert torch.equal(CleanResize((20, 20))(image), CleanResize((20, 20))(image.expand(1, 3, 9, 9)))


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 2, 8, 8)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(UnlearningError, match="1 or 3"):
        CleanResize()(torch.zeros(shape))
