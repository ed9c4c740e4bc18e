"""The interval of KID had no width up to 1,000 images, and was far too narrow above."""

import numpy as np
import pytest

from ignite_unlearn.metrics.kid import kernel_distance
from ignite_unlearn.metrics.quality import image_quality

random = np.random.default_rng(0)


def draw(n, shift):
    return random.normal(size=(n, 64)).astype(np.float32) * 0.3 + shift


@pytest.mark.parametrize("shift", [0.0, 0.05])
@pytest.mark.parametrize(("n", "m"), [(300, 300), (1000, 300), (1200, 1200)])
def test_it_is_about_as_wide_as_the_spread_of_new_samples(n, m, shift):
    again = [kernel_distance(draw(n, 0), draw(m, shift)) for _ in range(40)]
    spread = 4 * np.std([kid.value for kid in again])
    widths = [high - low for low, high in (kid.interval() for kid in again)]
    assert 0.6 * spread < np.mean(widths) < 1.6 * spread
    found = image_quality(draw(n, 0), draw(m, shift))
    assert found["kid_low"] < found["kid"] < found["kid_high"]


def test_a_few_images_tell_no_interval():
    found = image_quality(draw(9, 0), draw(300, 0))
    assert np.isfinite(found["kid"]) and found["kid_low"] is found["kid_high"] is None
