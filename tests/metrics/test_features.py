import hashlib

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from ignite_unlearn import UnlearningError
from ignite_unlearn.metrics import inception as module
from ignite_unlearn.metrics.feature_cache import cached_features
from ignite_unlearn.metrics.features import FeatureExtractor
from ignite_unlearn.metrics.inception import load_inception
from ignite_unlearn.metrics.resize import CleanResize, to_bytes

_NET = "inception-2015-12-05.pt"


class Layers(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3 * 13 * 13, 2048)

    def forward(self, x):
        return self.linear(nn.functional.avg_pool2d(x, 23).flatten(1))


class StandIn(nn.Module):
    """The interface of NVIDIA's TorchScript file: ``layers`` maps normalised images to 2,048 features."""

    def __init__(self):
        super().__init__()
        self.layers = Layers()

    def forward(self, x, return_features: bool = False):
        return self.layers(x)


def save_stand_in(folder):
    with torch.no_grad():
        torch.jit.trace_module(StandIn().eval(), {"forward": torch.zeros(1, 3, 299, 299)}).save(str(folder / _NET))


def save_pictures(folder, images):
    folder.mkdir()
    for i, image in enumerate(to_bytes(images)):
        Image.fromarray(image[0].numpy()).save(folder / f"{i:03}.png")
    return folder


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*torch.jit.*")
def test_the_default_extractor_equals_clean_fids_own_path(tmp_path, monkeypatch):
    from cleanfid.fid import get_folder_features
    from cleanfid.inception_torchscript import InceptionV3W

    save_stand_in(tmp_path)
    images = torch.rand(5, 1, 28, 28) * 2 - 1
    pictures = save_pictures(tmp_path / "pictures", images)
    extractor = load_inception(str(tmp_path))
    theirs = get_folder_features(
        str(pictures), InceptionV3W(str(tmp_path), download=False), num_workers=0, device="cpu", verbose=False
    )
    scale = np.abs(theirs).max()
    assert theirs.shape == (5, 2048)
    assert np.abs(extractor(images) - theirs).max() < 1e-5 * scale
    assert np.abs(extractor(pictures) - theirs).max() < 1e-5 * scale
    assert "inception" in extractor.name and len(extractor.sha256) == 64


def test_without_the_net_one_sentence_says_what_to_do_and_nothing_is_fetched(tmp_path, monkeypatch):
    import urllib.request

    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr("socket.socket.connect", refuse)
    with pytest.raises(UnlearningError, match=f"There is no .*{_NET}: download .* into that folder"):
        load_inception(tmp_path)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """The user's own folder, and one that everybody may write to."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "clean_fid_folder", lambda: tmp_path / "tmp")
    found = module.cache_folder(), tmp_path / "tmp"
    for folder in found:
        folder.mkdir(parents=True)
    return found


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*torch.jit.*")
@pytest.mark.parametrize("where", [0, 1])
def test_unasked_only_the_published_net_is_run(folders, monkeypatch, where):
    with pytest.raises(UnlearningError, match=f"no .*cache.ignite_unlearn.{_NET}: download"):
        load_inception()
    folder = folders[where]
    save_stand_in(folder)
    loaded = []
    monkeypatch.setattr(torch.jit, "load", lambda path, *args, **kwargs: loaded.append(path))
    with pytest.raises(UnlearningError, match="SHA-256 differs"):
        load_inception()
    assert not loaded
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(folders[0].parent))
    monkeypatch.setattr(module, "clean_fid_folder", lambda: folders[1])
    monkeypatch.setattr(module, "_SHA256", hashlib.sha256((folder / _NET).read_bytes()).hexdigest())
    assert load_inception()(torch.zeros(1, 1, 8, 8)).shape == (1, 2048)
    # A damaged file of one's own does not hide an intact one behind it.
    if where:
        (folders[0] / _NET).write_bytes(b"other")
        assert load_inception()(torch.zeros(1, 1, 8, 8)).shape == (1, 2048)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*torch.jit.*")
def test_a_file_may_be_given_under_any_name(tmp_path):
    save_stand_in(tmp_path)
    (tmp_path / _NET).rename(tmp_path / "mine.pt")
    assert load_inception(tmp_path / "mine.pt")(torch.zeros(1, 1, 8, 8)).shape == (1, 2048)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
def test_a_damaged_net_is_refused(tmp_path):
    (tmp_path / _NET).write_bytes(b"no net")
    with pytest.raises(UnlearningError, match="no intact TorchScript"):
        load_inception(tmp_path)


def test_a_folder_may_hold_pictures_of_several_sizes(tmp_path):
    extractor = FeatureExtractor(nn.Flatten(), "pixels", resize=CleanResize((8, 8)))
    for name, size in (("a.png", (8, 8)), ("b.jpg", (9, 7)), ("c.PNG", (8, 8)), ("d.txt", None)):
        if size:
            Image.new("RGB", size, "red").save(tmp_path / name)
        else:
            (tmp_path / name).write_text("no picture")
    found = extractor(tmp_path)
    assert found.shape == (3, 192) and np.abs(found[0] - found[2]).max() == 0


def test_a_folder_without_pictures_and_a_damaged_picture_are_refused(tmp_path):
    extractor = FeatureExtractor(nn.Flatten(), "pixels")
    with pytest.raises(UnlearningError, match="holds no image files"):
        extractor(tmp_path)
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(UnlearningError, match="no intact image"):
        extractor(tmp_path)


def test_features_of_the_real_side_are_computed_once_for_each_net_and_data(tmp_path):
    calls = []

    class Counting(FeatureExtractor):
        def __call__(self, images):
            calls.append(len(images))
            return super().__call__(images)

    extractor = Counting(nn.Sequential(nn.Flatten(), nn.Linear(4, 3)), "net")
    images = torch.rand(6, 1, 2, 2)
    first = cached_features(extractor, images, tmp_path)
    assert np.array_equal(cached_features(extractor, images, tmp_path), first) and calls == [6]
    cached_features(extractor, images + 1, tmp_path)
    extractor.model[1].weight.data += 1
    cached_features(extractor, images, tmp_path)
    assert len(calls) == 3 and len(list(tmp_path.iterdir())) == 3
    resized = FeatureExtractor(nn.Flatten(), "pixels", resize=CleanResize((2, 2)))
    pictures = save_pictures(tmp_path / "pictures", images)
    a = cached_features(resized, pictures, tmp_path)
    Image.new("L", (2, 2)).save(pictures / "000.png")
    assert not np.array_equal(cached_features(resized, pictures, tmp_path), a)
