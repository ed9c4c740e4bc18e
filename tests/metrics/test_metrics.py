import numpy as np
import pytest
import torch
from ignite.engine import Engine
from ignite.exceptions import NotComputableError
from scipy.linalg import eigvals
from torch import nn

from ignite_unlearn import UnlearningError
from ignite_unlearn.metrics import FID, KID
from ignite_unlearn.metrics.classes import ClassShare
from ignite_unlearn.metrics.features import FeatureExtractor
from ignite_unlearn.utils.hashing import tensors_sha256

PIXELS = FeatureExtractor(nn.Flatten(), "pixels", batch_size=64)


def clouds():
    stream = torch.Generator().manual_seed(0)
    mix = torch.randn(8, 8, generator=stream)
    a = torch.randn(500, 8, generator=stream) @ mix
    b = torch.randn(400, 8, generator=stream) * 1.5 + 0.3
    return a.view(-1, 2, 2, 2), b.view(-1, 2, 2, 2)


def test_fid_equals_the_formula_computed_by_eigenvalues():
    a, b = clouds()
    x, y = a.flatten(1).double().numpy(), b.flatten(1).double().numpy()
    s, t = np.cov(x.T), np.cov(y.T)
    root = np.sqrt(eigvals(s @ t).real.clip(0)).sum()
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(s) + np.trace(t) - 2 * root
    fid = FID(PIXELS)
    for i in range(0, 500, 100):
        fid.update((a[i : i + 100], b[i : i + 80] if i < 400 else None))
    part = FID(PIXELS, real=y.astype(np.float32))
    part.update((a, None))
    assert part.compute() == pytest.approx(expected, rel=1e-5)
    assert FID.distance(x, x) == pytest.approx(0, abs=1e-4)


def test_kid_is_repeatable_and_leaves_numpys_stream_alone():
    a, b = (t.flatten(1).numpy() for t in clouds())
    state = np.random.get_state()[1].tolist()
    assert KID.distance(a, b) == KID.distance(a, b) > KID.distance(a, a)
    kid = KID(PIXELS, real=b)
    kid.update((clouds()[0], None))
    low, high = kid.interval(level=0.9)
    assert low < kid.compute() < high
    assert np.random.get_state()[1].tolist() == state


def test_metrics_attach_to_an_ignite_engine():
    a, b = clouds()
    evaluator = Engine(lambda engine, batch: batch)
    FID(PIXELS).attach(evaluator, "fid")
    state = evaluator.run([(a[:200], b[:200]), (a[200:400], b[200:400])])
    whole = FID(PIXELS)
    whole.update((a[:400], b[:400]))
    assert state.metrics["fid"] == pytest.approx(whole.compute())


def test_class_share_counts_by_class():
    share = ClassShare(nn.Identity())
    share.update((torch.eye(3)[[0, 0, 1, 2]], torch.tensor([0, 1, 1, 2])))
    share.update((torch.eye(3)[[2]], torch.tensor([1])))
    assert share.compute() == pytest.approx(3 / 5)
    assert share.by_class() == {0: 1.0, 1: pytest.approx(1 / 3), 2: 1.0}


def test_without_images_there_is_no_number():
    with pytest.raises(NotComputableError):
        FID(PIXELS).compute()
    with pytest.raises(NotComputableError):
        ClassShare(nn.Identity()).compute()
    with pytest.raises(UnlearningError, match="at least two"):
        FID.distance(np.zeros((1, 3)), np.zeros((5, 3)))


def test_the_extractor_is_named_by_its_weights_and_left_as_it_was():
    net = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(8))
    extractor = FeatureExtractor(net, "net", batch_size=3)
    images = torch.randn(7, 2, 2, 2)
    assert extractor(images).shape == (7, 8) and net.training
    before = extractor.sha256
    net[1].weight.data[0] += 1
    assert extractor.sha256 != before


def test_hashes_tell_type_shape_and_value():
    tensors = [torch.zeros(2), torch.zeros(2, 1), torch.zeros(2).int(), torch.ones(2), torch.zeros(0)]
    assert len({tensors_sha256(t) for t in tensors}) == 5
    assert tensors_sha256(torch.arange(6).view(2, 3).T) == tensors_sha256(torch.arange(6).view(2, 3).T.contiguous())
