"""What the metrics cost beside clean-fid's own, as ratios within one run: `make bench`."""

import time
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from ignite_unlearn.metrics.features import FeatureExtractor
from ignite_unlearn.metrics.fid import FID
from ignite_unlearn.metrics.frechet import frechet_distance, moments
from ignite_unlearn.metrics.resize import CleanResize, to_bytes

pytestmark = [pytest.mark.bench, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def seconds(call):
    start = time.perf_counter()
    value = call()
    return time.perf_counter() - start, value


def test_frechet_distance_at_2048_dimensions(quick):
    from cleanfid.fid import frechet_distance as cleanfids

    random, size = np.random.default_rng(0), 128 if quick else 2048
    # Rectified, with variances that fall off over three powers of ten, as the features of deep nets are.
    mix = random.normal(size=(size, size)) * np.logspace(0, -1.5, size)[:, None]
    sides = [np.maximum(random.normal(size=(5000, size)) @ mix * scale, 0) for scale in (1.0, 1.1)]
    arguments = [part for side in sides for part in moments(side)]
    mine = min(seconds(lambda: frechet_distance(*arguments))[0] for _ in range(3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, expected = seconds(lambda: cleanfids(*arguments))
    assert frechet_distance(*arguments) == pytest.approx(expected, rel=1e-6)
    print(f"\nFrechet distance, {size} dimensions: {mine:.2f} s, clean-fid {theirs:.2f} s: {theirs / mine:.1f}x")
    assert quick or theirs > 5 * mine


class Pooled(nn.Module):
    """A small extractor: what is timed is reading and resizing."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(13 * 13, 64)

    def forward(self, x):
        return self.linear(nn.functional.avg_pool2d(x[:, 0], 23).flatten(1) / 255).tanh()


def test_whole_fid_of_ten_thousand_small_images(tmp_path, quick):
    from cleanfid.fid import compute_fid

    random, count = torch.Generator().manual_seed(0), 200 if quick else 10000
    sides = [torch.rand(count, 1, 28, 28, generator=random) * 2 - 1 for _ in range(2)]
    sides[1] = sides[1] * 0.8
    for k, images in enumerate(sides):
        (tmp_path / str(k)).mkdir()
        for i, image in enumerate(to_bytes(images)[:, 0].numpy()):
            Image.fromarray(image).save(tmp_path / str(k) / f"{i:05}.png")
    net = Pooled().eval()
    extractor = FeatureExtractor(net, "pooled", batch_size=32, resize=CleanResize())

    def ours():
        fid = FID(extractor)
        fid.update((sides[0], sides[1]))
        return fid.compute()

    mine, value = seconds(ours)
    folders = seconds(lambda: FID.distance(extractor(tmp_path / "0"), extractor(tmp_path / "1")))
    theirs, expected = seconds(
        lambda: compute_fid(
            str(tmp_path / "0"),
            str(tmp_path / "1"),
            custom_feat_extractor=net,
            device="cpu",
            num_workers=2,
            verbose=False,
        )
    )
    assert value == pytest.approx(expected, rel=1e-5) and folders[1] == pytest.approx(value, rel=1e-6)
    print(
        f"\nFID of 2 x {count:,} images of 28 x 28: {mine:.1f} s from tensors, {folders[0]:.1f} s from folders, "
        f"clean-fid with two workers {theirs:.1f} s from folders: {theirs / mine:.1f}x and {theirs / folders[0]:.1f}x; "
        f"{value:.8g} and {expected:.8g}"
    )
    assert quick or theirs > 3 * mine
