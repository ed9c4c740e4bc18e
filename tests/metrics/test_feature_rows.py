import numpy as np
import pytest
import torch
from torch import nn

from ignite_unlearn import UnlearningError
from ignite_unlearn.metrics import FID, KID
from ignite_unlearn.metrics.coverage import density_and_coverage
from ignite_unlearn.metrics.feature_rows import feature_rows
from ignite_unlearn.metrics.features import FeatureExtractor

IMAGES = torch.randn(30, 2, 4, 4, generator=torch.Generator().manual_seed(0))
RIGHT = IMAGES.mean((2, 3)).numpy()


class Net(nn.Module):
    """Means of channels, in a form that nets in use give them in."""

    def __init__(self, form, dtype=torch.float32):
        super().__init__()
        self.form, self.weight = form, nn.Parameter(torch.ones(1, dtype=dtype))

    def forward(self, x):
        return self.form((x * self.weight).mean((2, 3), keepdim=True))


FORMS = {
    "(N, F)": lambda f: f.flatten(1),
    "(N, F, 1, 1)": lambda f: f,
    "a list": lambda f: [f],
    "a tuple": lambda f: (f.flatten(1),),
    "a dict": lambda f: {"features": f},
    "squeezed": lambda f: f.squeeze(),
}


@pytest.mark.parametrize("images", [1, 30])
@pytest.mark.parametrize("form", FORMS)
def test_features_of_every_form_are_the_same(form, images):
    found = FeatureExtractor(Net(FORMS[form]), "means")(IMAGES[:images])
    assert found.shape == (images, 2) and np.allclose(found, RIGHT[:images], atol=1e-6)


def test_one_squeezed_feature_is_one_an_image():
    one = FeatureExtractor(Net(lambda f: f[:, 0].squeeze()), "mean", batch_size=29)
    assert np.allclose(one(IMAGES), RIGHT[:, :1], atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_nets_of_other_precisions_are_shown_images_of_theirs(dtype):
    found = FeatureExtractor(Net(FORMS["(N, F)"], dtype), "means")(IMAGES)
    assert found.dtype in (np.float32, np.float64) and np.allclose(found, RIGHT, atol=0.02)


def test_distances_take_the_same_forms():
    other = RIGHT + 1
    for form in (torch.from_numpy(RIGHT), RIGHT[:, :, None, None], [RIGHT], RIGHT.astype(np.float64)):
        assert FID.distance(form, other) == pytest.approx(FID.distance(RIGHT, other), rel=1e-5)
        assert KID.distance(form, other) == pytest.approx(KID.distance(RIGHT, other), rel=1e-5)
        assert density_and_coverage(form, other) == density_and_coverage(RIGHT, other)
    half = RIGHT.astype(np.float16)
    assert FID.distance(half, other) == pytest.approx(FID.distance(half.astype(np.float64), other), rel=1e-5)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([RIGHT, RIGHT], "a list of 2"),
        ("text", "a str: expected"),
        (torch.zeros(30, 2, 3, 3), r"shape \(30, 2, 3, 3\): expected"),
        (torch.zeros(29, 2), "30 images have shape"),
        (torch.full((30, 2), torch.nan), "30 of 30 images hold NaN"),
        (torch.full((30, 2), 1e9).half(), "precision"),
    ],
)
def test_other_features_are_refused_in_a_sentence(features, message):
    with pytest.raises(UnlearningError, match=message):
        feature_rows(features, 30)


def test_one_image_has_features_but_no_distance():
    one = FeatureExtractor(nn.Flatten(), "pixels")(IMAGES[:1])
    assert one.shape == (1, 32)
    for distance in (FID.distance, KID.distance):
        with pytest.raises(UnlearningError, match="at least two images"):
            distance(one, one)
    with pytest.raises(UnlearningError, match="no images"):
        FeatureExtractor(nn.Flatten(), "pixels")(IMAGES[:0])
