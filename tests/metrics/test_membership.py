import numpy as np
import pytest
import torch
from ignite.engine import Engine
from ignite.exceptions import NotComputableError
from sklearn.metrics import roc_auc_score
from torch import nn

from ignite_unlearn import GAN, UnlearningError
from ignite_unlearn.metrics.linear_probe import LinearProbe
from ignite_unlearn.metrics.membership import (
    DiscriminatorScore,
    MembershipAUC,
    MonteCarlo,
    NearestSample,
    auc,
    bootstrap,
)
from tests.loops.nets import Discriminator, Generator, Z, real_images


@pytest.mark.parametrize("seed", range(5))
def test_the_auc_is_scikit_learns_with_ties(seed):
    stream = torch.Generator().manual_seed(seed)
    members = torch.randint(6, (23,), generator=stream).float() + 1
    unseen = torch.randint(6, (57,), generator=stream).float()
    expected = roc_auc_score([1] * 23 + [0] * 57, torch.cat([members, unseen]).numpy())
    assert auc(members, unseen) == pytest.approx(expected)


def test_the_interval_covers_the_true_auc_as_often_as_it_says():
    # Two normal distributions one apart: the true AUC is the normal distribution function at 1 / sqrt(2).
    true, covered = 0.7602, 0
    for seed in range(100):
        stream = torch.Generator().manual_seed(seed)
        low, high = bootstrap(torch.randn(60, generator=stream) + 1, torch.randn(90, generator=stream), draws=200)
        covered += low <= true <= high
    assert 86 <= covered <= 100  # 95 expected; the binomial's 99.9 % range, and a little for few draws


def test_drawing_counts_is_drawing_images():
    members, unseen = torch.randn(20) + 0.5, torch.randn(30)
    random = np.random.default_rng(1)
    slow = [auc(members[random.integers(20, size=20)], unseen[random.integers(30, size=30)]) for _ in range(3000)]
    assert np.allclose(bootstrap(members, unseen, draws=3000), np.quantile(slow, [0.025, 0.975]), atol=0.015)


def test_it_is_an_ignite_metric():
    gan = GAN(Generator(), Discriminator(), latents=(Z,))
    images, labels = real_images(40, seed=0)
    member = torch.arange(40) % 3 == 0
    engine = Engine(lambda engine, batch: batch)
    metric = MembershipAUC(DiscriminatorScore(gan))
    metric.attach(engine, "membership_auc")
    training = gan.discriminator.training
    state = engine.run([(images[i : i + 16], labels[i : i + 16], member[i : i + 16]) for i in range(0, 40, 16)])
    assert gan.discriminator.training == training
    gan.discriminator.eval()
    scores = gan.score(images).detach()
    assert state.metrics["membership_auc"] == pytest.approx(roc_auc_score(member, scores), abs=1e-6)
    low, high = metric.interval()
    assert low < metric.compute() < high and metric.interval() == (low, high)


def test_distance_attacks_are_what_their_papers_say():
    images, samples, calibration = (torch.randn(n, 1, 3, 3, dtype=torch.float64) for n in (6, 40, 30))
    d = lambda x, y: (x[:, None] - y).flatten(2).norm(dim=2)  # noqa: E731
    near, calibrated = d(images, samples), d(images, calibration)
    assert torch.allclose(NearestSample(samples)(images).double(), -near.amin(1), atol=1e-5)
    assert torch.allclose(
        NearestSample(samples, calibration=calibration)(images).double(), calibrated.amin(1) - near.amin(1), atol=1e-5
    )
    radius = near.amin(1).median()
    # The median image lies on the radius itself, where rounding decides.
    others = near.amin(1) != radius
    share = MonteCarlo(samples)(images)
    assert torch.allclose(share[others], (near <= radius).double().mean(1)[others])
    fixed = MonteCarlo(samples, calibration=calibration, radius=3.0)(images)
    assert torch.allclose(fixed, (near <= 3).double().mean(1) - (calibrated <= 3).double().mean(1))


def test_copies_of_training_images_are_found():
    members, unseen = real_images(50, seed=0)[0], real_images(50, seed=1)[0]
    leaking = torch.cat([members + 0.05 * torch.randn_like(members), real_images(200, seed=2)[0]])
    for attack in (NearestSample(leaking), MonteCarlo(leaking, radius=1.0)):
        assert auc(attack(members), attack(unseen)) > 0.9
    clean = NearestSample(real_images(250, seed=2)[0])
    assert 0.35 < auc(clean(members), clean(unseen)) < 0.65


def test_a_probe_tells_what_a_head_no_longer_says():
    features = nn.Flatten()
    members, others = real_images(80, seed=0)[0] + 0.3, real_images(160, seed=1)[0]
    probe = LinearProbe(features, members[:40], others[:80])
    assert auc(probe(members[40:]), probe(others[80:])) > 0.8


def test_what_does_not_fit_is_said_in_a_sentence():
    metric = MembershipAUC(lambda images, labels: images.flatten())
    with pytest.raises(NotComputableError, match="members and unseen"):
        metric.compute()
    metric.update((torch.zeros(2), None, torch.tensor([True, True])))
    with pytest.raises(NotComputableError):
        metric.compute()
    with pytest.raises(UnlearningError, match=r"level=1.5"):
        bootstrap(torch.zeros(2), torch.zeros(2), level=1.5)
    with pytest.raises(UnlearningError, match="some of either"):
        LinearProbe(nn.Flatten(), torch.zeros(0, 1, 2, 2), torch.zeros(2, 1, 2, 2))
