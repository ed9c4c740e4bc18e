"""A per-example attack with shadow GANs: can a target that was unlearned be told from one that was never there?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ignite_unlearn.audits.shadows import TargetStatus
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.metrics.membership import auc
from ignite_unlearn.utils.asked import VALUES, asks, kind

_FEWEST = 6  # shadows of a status


class Estimate(NamedTuple):
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ShadowRates:
    """What a :class:`ShadowAttack` tells, of all targets and shadows together.

    Attributes:
        auc: chance that the ratio of a ``member`` is above that of an ``other``; ties count half.
        tpr: share of the members that are found where a share of ``fpr`` of the others is taken for them.
        fpr: that share.
    """

    auc: Estimate
    tpr: Estimate
    fpr: float


@asks(
    values=VALUES,
    status=VALUES,
    member=kind("a TargetStatus", TargetStatus),
    other=kind("a TargetStatus", TargetStatus),
)
@dataclass(frozen=True, eq=False, repr=False)
class ShadowAttack:
    """An attack in which each target is judged by what other GANs, with and without it, say of the same target.

    It is the likelihood ratio attack of Carlini et al. (2022), turned on unlearning as by Hayes et al. (2024, U-LiRA)
    and Zhu et al. (2025, RULI). An attack on all images alike, such as :class:`.Membership`, overlooks what a single
    image leaves behind. Read it beside its power, the same attack on IN against OUT, and beside its floor, that on
    :func:`.two_halves`.

    Args:
        values: what a statistic says of each target in each shadow GAN, ``(N, T)``, such as :func:`.quantile_logits`
            of the discriminator's scores; or several of them, ``(N, T, S)``, used together.
        status: :class:`.TargetStatus` of each, int64 ``(N, T)``.
        member: the status that is looked for.
        other: the status that it is to be told from.

    Raises:
        UnlearningError: if shapes do not fit, values are not finite, or a target has one of the two statuses in fewer
            than six shadows.

    Example:
        >>> status = (torch.arange(18) % 3)[:, None].expand(18, 5)
        >>> values = torch.randn(18, 5, generator=torch.Generator().manual_seed(0))
        >>> attack = ShadowAttack(values + 9 * (status == TargetStatus.UNLEARNED), status)
        >>> attack.rates(halves=20).auc.value
        1.0
    """

    values: Tensor
    status: Tensor
    _: KW_ONLY
    member: TargetStatus = TargetStatus.UNLEARNED
    other: TargetStatus = TargetStatus.OUT

    def __post_init__(self) -> None:
        if self.status.dim() != 2 or self.values.shape[:2] != self.status.shape or self.values.dim() not in (2, 3):
            raise UnlearningError(
                f"Values of shape {tuple(self.values.shape)} and a status of shape {tuple(self.status.shape)}: "
                "expected (shadows, targets) for both, and perhaps a third dimension of statistics."
            )
        if not bool(self.values.isfinite().all()):
            raise UnlearningError(f"{int((~self.values.isfinite()).sum())} of the values are not finite.")
        fewest = int(torch.stack([mask.sum(0) for mask in self._masks()]).min()) if self.status.shape[1] else 0
        if fewest < _FEWEST:
            raise UnlearningError(
                f"A target is {self.member.name} or {self.other.name} in {fewest} shadows only: at least {_FEWEST} of "
                "each are needed, thirty are better."
            )

    def log_ratios(self) -> Tensor:
        """Returns each target's log likelihood ratio in each shadow, float64 ``(N, T)``.

        NaN where a target has neither status. Two normal distributions with one covariance are fitted to a target's
        values in all other shadows. The ratio is large where its own looks like ``member``, whichever side of ``other``
        that is.
        """
        return _log_ratios(self._statistics(), self._masks())

    def rates(self, *, fpr: float = 0.01, halves: int = 500, seed: int = 0) -> ShadowRates:
        """Returns how often :meth:`log_ratios` tell the two statuses apart.

        Decisions of one shadow hang together, and those of one target by the fit that they share. So intervals come
        from attacks with a random half of the shadows, fitted anew: as far as those lie apart, the attack with all is
        uncertain (the delete-d jackknife, Shao and Wu 1989). A bootstrap of the decisions would give half of the width
        where there is nothing to find.

        Args:
            fpr: the share of ``other`` that may be taken for ``member``.
            halves: how many are drawn.
            seed: of the draws.

        Raises:
            UnlearningError: if ``fpr`` is not between 0 and 1, or there are fewer than two halves.
        """
        if not 0 < fpr < 1 or halves < 2:
            raise UnlearningError(f"rates(fpr={fpr}, halves={halves}): expected 0 < fpr < 1 and at least two halves.")
        x, of = self._statistics(), self._masks()

        def told(shadows: Tensor) -> tuple[float, float]:
            here = [mask[shadows] for mask in of]
            enough = torch.stack([mask.sum(0) >= 2 for mask in here]).all(0)  # a half may have too few of a target
            if not bool(enough.any()):
                return math.nan, math.nan
            ratios = _log_ratios(x[shadows], [mask & enough for mask in here])
            members, others = (ratios[mask & enough] for mask in here)
            return auc(members, others), tpr_at(members, others, fpr)

        random = torch.Generator().manual_seed(seed)
        n = len(x)
        drawn = torch.tensor([told(torch.randperm(n, generator=random)[: n // 2]) for _ in range(halves)])
        margins = (1.96 * drawn[~drawn[:, 0].isnan()].std(0)).tolist()
        area, rate = (
            Estimate(value, max(value - margin, 0.0), min(value + margin, 1.0))
            for value, margin in zip(told(torch.arange(n)), margins, strict=True)
        )
        return ShadowRates(area, rate, fpr)

    def p_values(self) -> Tensor:
        """Returns a p-value of each target for "both statuses have one distribution", float64 ``(T,)``.

        Two-sample Kolmogorov-Smirnov tests, adjusted for their number by Benjamini and Hochberg (1995): of the targets
        with at most 0.05, one in twenty is expected to be there by chance. No attack needs to be thought of for it.

        Raises:
            UnlearningError: if there are several statistics.
        """
        from scipy.stats import false_discovery_control, ks_2samp  # here: importing it takes a second

        found = self._each_target(lambda a, b: float(ks_2samp(a.numpy(), b.numpy()).pvalue))
        return torch.from_numpy(false_discovery_control(found.numpy(), method="bh"))

    def epsilons(self) -> Tensor:
        """Returns the epsilon that the best threshold shows of each target, float64 ``(T,)``.

        The largest ``|log(TPR / FPR)|`` or ``|log(TNR / FNR)|`` of all thresholds, after the NeurIPS 2023 unlearning
        challenge (Triantafillou et al. 2024). One is added to each count, so that it stays finite: with ``n`` shadows
        of each status no target can show more than ``log(n + 1)``. The best of many thresholds is above 0 for noise
        too: read it beside the floor.

        Raises:
            UnlearningError: if there are several statistics.
        """
        return self._each_target(_epsilon)

    def _statistics(self) -> Tensor:
        """Returns the values, float64 ``(N, T, S)``."""
        return self.values.double().cpu().reshape(*self.values.shape[:2], -1)

    def _masks(self) -> list[Tensor]:
        """Returns where each of the two statuses is."""
        return [self.status.cpu() == which for which in (self.member, self.other)]

    def _each_target(self, compare: Callable[[Tensor, Tensor], float]) -> Tensor:
        if self.values.dim() != 2:
            raise UnlearningError(
                f"Values of shape {tuple(self.values.shape)}: expected one statistic of each target, (N, T)."
            )
        columns = zip(self._statistics()[:, :, 0].T, *(mask.T for mask in self._masks()), strict=True)
        return torch.tensor([compare(x[member], x[other]) for x, member, other in columns], dtype=torch.float64)


def tpr_at(members: Tensor, others: Tensor, fpr: float) -> float:
    """Returns the share of members above a threshold that at most a share of ``fpr`` of the others is above.

    Args:
        members: scores ``(N,)``.
        others: scores ``(M,)``.
        fpr: in (0, 1).

    Example:
        >>> tpr_at(torch.tensor([0.5, 2.0]), torch.linspace(0, 1, 100), 0.01)
        0.5
    """
    allowed = math.floor(fpr * len(others) + 1e-9)
    threshold = others.sort(descending=True).values[allowed]
    return float((members > threshold).double().mean())


def _log_ratios(x: Tensor, of: list[Tensor]) -> Tensor:
    """Returns :meth:`ShadowAttack.log_ratios` of values ``(N, T, S)``; each value is taken out of the fit in turn."""
    weights = [mask.double() for mask in of]
    counts = [weight.sum(0) for weight in weights]
    means = [torch.einsum("nt,nts->ts", w, x) / c[:, None] for w, c in zip(weights, counts, strict=True)]
    apart = [x - mean for mean in means]
    scatters = [torch.einsum("nt,nts,ntr->tsr", w, a, a) for w, a in zip(weights, apart, strict=True)]
    own = torch.zeros_like(x)  # what the value itself adds to the scatter
    distances = []
    for mask, count, away in zip(of, counts, apart, strict=True):
        more = (count / (count - 1))[:, None]
        own = torch.where(mask[:, :, None], away * more.sqrt(), own)
        distances.append(torch.where(mask[:, :, None], away * more, away))  # to the mean of the others
    freedom = (counts[0] + counts[1] - 3)[:, None, None]
    least = torch.diag(1e-12 + 1e-6 * x.var((0, 1)))  # for statistics that never change
    covariance = (scatters[0] + scatters[1] - own[:, :, :, None] * own[:, :, None, :]) / freedom + least
    squares = [(away * torch.linalg.solve(covariance, away)).sum(2) for away in distances]
    return torch.where(of[0] | of[1], (squares[1] - squares[0]) / 2, torch.nan)


def _epsilon(members: Tensor, others: Tensor) -> float:
    thresholds = torch.cat([members, others])[:, None]
    tpr, fpr = (((rows > thresholds).sum(1).double() + 1) / (len(rows) + 2) for rows in (members, others))
    return float(torch.maximum((tpr / fpr).log().abs(), ((1 - fpr) / (1 - tpr)).log().abs()).max())
