import math

import pytest
import torch
from scipy.stats import multivariate_normal, norm

from ignite_unlearn import UnlearningError
from ignite_unlearn.audits import ShadowAttack, TargetStatus, draw_status, two_halves
from ignite_unlearn.audits.shadow_attack import tpr_at
from ignite_unlearn.metrics.membership import auc

SHIFT = 1.5  # standard deviations
AUC = norm.cdf(SHIFT / math.sqrt(2))


def world(shadows, targets, *, shift=SHIFT, seed=0, member=TargetStatus.UNLEARNED):
    """Targets of very different levels, whose values a status moves up or down by ``shift``."""
    random = torch.Generator().manual_seed(seed)
    status = draw_status(shadows, targets, seed=seed)
    level = 5 * torch.randn(targets, generator=random)
    side = torch.randint(2, (targets,), generator=random) * 2 - 1
    noise = torch.randn(shadows, targets, generator=random)
    return level + noise + shift * side * (status == member), status


def area(values, status, **options):
    return ShadowAttack(values, status, **options).rates(halves=2).auc.value


def test_a_known_shift_has_the_auc_and_the_tpr_of_two_normal_distributions():
    values, status = world(360, 40)
    found = ShadowAttack(values, status).rates(halves=100)
    assert found.auc.value == pytest.approx(AUC, abs=0.01)
    assert found.tpr.value == pytest.approx(norm.cdf(SHIFT - norm.ppf(0.99)), abs=0.03)
    assert found.auc.low < AUC < found.auc.high
    assert found.tpr.low < norm.cdf(SHIFT - norm.ppf(0.99)) < found.tpr.high
    # An attack on all alike sees next to nothing of what each target tells by itself.
    alike = auc(values[status == TargetStatus.UNLEARNED], values[status == TargetStatus.OUT])
    assert abs(alike - 0.5) < 0.1


def test_any_two_statuses_can_be_told_apart():
    values, status = world(90, 30, member=TargetStatus.IN)
    assert area(values, status, member=TargetStatus.IN) == pytest.approx(AUC, abs=0.03)
    assert area(values, status) == pytest.approx(0.5, abs=0.05)
    assert area(values, two_halves(status)) == pytest.approx(0.5, abs=0.05)


def test_pure_noise_has_an_auc_of_a_half_within_its_interval():
    found = [ShadowAttack(*world(60, 24, shift=0, seed=seed)).rates(halves=50) for seed in range(20)]
    assert sum(each.auc.low <= 0.5 <= each.auc.high for each in found) >= 17
    assert abs(sum(each.auc.value for each in found) / len(found) - 0.5) < 0.02
    assert sum(each.tpr.value for each in found) / len(found) < 0.02


def test_the_interval_is_as_wide_as_attacks_on_other_shadows_lie_apart():
    # Decisions of a target share its fit: taken one by one they would look twice as sure as they are.
    found = [ShadowAttack(*world(60, 24, shift=0, seed=seed)).rates(halves=30).auc for seed in range(40)]
    apart = torch.tensor([each.value for each in found]).std()
    width = torch.tensor([each.high - each.low for each in found]).mean() / (2 * 1.96)
    assert 0.75 * apart < width < 1.5 * apart


def test_ratios_are_those_of_normal_distributions_fitted_to_the_other_shadows():
    random = torch.Generator().manual_seed(3)
    status = draw_status(30, 4, seed=3)
    values = torch.randn(30, 4, 2, generator=random).double().cumsum(2) + (status == TargetStatus.UNLEARNED)[:, :, None]
    found = ShadowAttack(values, status).log_ratios()
    assert torch.equal(found.isnan(), status == TargetStatus.IN)
    for shadow, target in (status != TargetStatus.IN).nonzero().tolist():
        left = torch.arange(30) != shadow
        groups = [
            values[left & (status[:, target] == which), target] for which in (TargetStatus.UNLEARNED, TargetStatus.OUT)
        ]
        freedom = sum(map(len, groups)) - 2
        covariance = sum(group.T.cov(correction=0) * len(group) for group in groups) / freedom
        u, o = (multivariate_normal.logpdf(values[shadow, target], group.mean(0), covariance) for group in groups)
        assert float(found[shadow, target]) == pytest.approx(u - o, rel=1e-3, abs=1e-4)


def test_statistics_are_used_together():
    one, status = world(120, 20, shift=1.0)
    noise = torch.randn(120, 20, generator=torch.Generator().manual_seed(1))
    assert area(torch.stack([one, one + noise], 2), status) <= area(one, status) + 0.02  # nothing new in the other
    other = noise + (status == TargetStatus.UNLEARNED)
    both = torch.stack([one, other], 2)  # each a shift of 1, so together one of the square root of 2
    assert area(both, status) == pytest.approx(norm.cdf(1.0), abs=0.03)


def test_a_statistic_that_never_changes_tells_nothing_and_breaks_nothing():
    found = ShadowAttack(torch.ones(30, 6), draw_status(30, 6)).rates(halves=9)
    assert (found.auc.value, found.tpr.value) == (0.5, 0.0)


def test_few_shadows_make_an_interval_too():
    status = torch.tensor([2, 1] * 6)[:, None]
    found = ShadowAttack(torch.randn(12, 1, generator=torch.Generator().manual_seed(0)), status).rates()
    assert 0 <= found.auc.low <= found.auc.value <= found.auc.high <= 1
    assert found.auc.high - found.auc.low > 0.3


def test_a_threshold_lets_no_more_through_than_it_says():
    random = torch.Generator().manual_seed(0)
    for others in (torch.randn(250, generator=random), torch.randint(5, (250,), generator=random).float()):
        for fpr in (0.01, 0.1, 0.5):
            threshold = sorted(others.tolist())[-1 - int(fpr * 250)]
            assert float((others > threshold).double().mean()) <= fpr
            members = others + 0.3
            assert tpr_at(members, others, fpr) == float((members > threshold).double().mean())
            assert tpr_at(others, others, fpr) <= fpr


def test_kolmogorov_smirnov_finds_the_targets_that_differ():
    values, status = world(120, 40, shift=0)
    unlearned = status == TargetStatus.UNLEARNED
    values = values - values.mean(0)
    assert int((ShadowAttack(values, status).p_values() <= 0.05).sum()) <= 1
    moved = values.clone()
    moved[:, :10] += 3 * unlearned[:, :10]
    told = ShadowAttack(moved, status).p_values() <= 0.05
    assert bool(told[:10].all()) and int(told[10:].sum()) <= 2
    wider = torch.where(unlearned, 8 * values, values)  # of the same mean
    assert float((ShadowAttack(wider, status).p_values() <= 0.05).double().mean()) > 0.5


def test_epsilon_has_a_cap_and_does_not_care_which_status_is_asked_for():
    values, status = world(60, 50)
    apart = 9.0 * (status == TargetStatus.UNLEARNED) + torch.rand(60, 50)
    torch.testing.assert_close(ShadowAttack(apart, status).epsilons().exp(), torch.full((50,), 21.0).double())
    some = ShadowAttack(values, status).epsilons()
    turned = ShadowAttack(values, status, member=TargetStatus.OUT, other=TargetStatus.UNLEARNED)
    torch.testing.assert_close(some, turned.epsilons())
    torch.testing.assert_close(some, ShadowAttack(-values, status).epsilons())
    noise = ShadowAttack(world(60, 50, shift=0)[0], status).epsilons()
    assert 0 < float(noise.mean()) < float(some.mean()) < math.log(21)


@pytest.mark.parametrize(
    ("values", "status", "words"),
    [
        (torch.zeros(18, 4), draw_status(18, 5), "expected"),
        (torch.zeros(18), draw_status(18, 5), "expected"),
        (torch.full((18, 5), torch.nan), draw_status(18, 5), "90 of the values are not finite"),
        (torch.zeros(17, 5), draw_status(17, 5), "at least 6 of each"),
        (torch.zeros(18, 0), torch.zeros(18, 0), "at least 6 of each"),
    ],
)
def test_what_does_not_fit_is_refused(values, status, words):
    with pytest.raises(UnlearningError, match=words):
        ShadowAttack(values, status)


def test_some_arguments_are_refused():
    values, status = world(30, 6)
    for options in ({"fpr": 1}, {"fpr": 0.0}, {"halves": 1}):
        with pytest.raises(UnlearningError, match=r"0 < fpr < 1 and at least two halves"):
            ShadowAttack(values, status).rates(**options)
    several = ShadowAttack(values[:, :, None], status)
    for asked in (several.p_values, several.epsilons):
        with pytest.raises(UnlearningError, match="one statistic"):
            asked()
