"""Through a resize, NaN was black, and integers and other ranges gave other FIDs without a word."""

import pytest
import torch
from torch import nn

from ignite_unlearn import UnlearningError
from ignite_unlearn.metrics.features import FeatureExtractor
from ignite_unlearn.metrics.fid import FID
from ignite_unlearn.metrics.resize import CleanResize, to_bytes

EXTRACTOR = FeatureExtractor(nn.Sequential(nn.AdaptiveAvgPool2d(8), nn.Flatten()), "pooled", resize=CleanResize((8, 8)))
A, B = torch.rand(60, 3, 16, 16) * 2 - 1, torch.rand(60, 3, 16, 16) ** 2 * 2 - 1


def fid(a, b):
    return FID.distance(EXTRACTOR(a), EXTRACTOR(b))


@pytest.mark.parametrize("dtype", [torch.int8, torch.int16, torch.int32, torch.int64, torch.float64])
def test_the_same_images_have_the_same_fid(dtype):
    a, b = (to_bytes(images) // 2 for images in (A, B))  # int8 ends at 127
    given = (
        (a.to(dtype), b.to(dtype)) if not dtype.is_floating_point else (a.double() / 127.5 - 1, b.double() / 127.5 - 1)
    )
    assert fid(*given) == pytest.approx(fid(a, b))


def test_levels_survive_half_precision():
    levels = torch.arange(256).float()
    assert torch.equal(to_bytes((levels / 127.5 - 1).half()), levels.to(torch.uint8))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (A * torch.nan, "NaN or infinity"),
        (A * torch.inf, "NaN or infinity"),
        ((A + 1) * 127.5, r"reach from .* to 255: expected floats in \[-1, 1\]"),
        ((A + 1) * 10, "expected floats"),  # a dark photograph in [0, 255]
        (torch.full((2, 3, 16, 16), 256), "whole numbers in 0 to 255"),
        (torch.full((2, 3, 16, 16), -1), "whole numbers in 0 to 255"),
        (A > 0, "torch.bool"),
    ],
)
def test_what_is_no_image_is_refused(images, message):
    with pytest.raises(UnlearningError, match=message):
        EXTRACTOR(images)


def test_a_generator_without_tanh_may_overshoot():
    assert to_bytes(torch.tensor([-9.0, *[0.0] * 30, 9.0]))[[0, -1]].tolist() == [0, 255]
