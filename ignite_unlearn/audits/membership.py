"""Audit: can forgotten images be told from unseen ones by what the GAN says or makes?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor

from ignite_unlearn.audits.result import AuditResult, judged
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.metrics.intervals import wilson
from ignite_unlearn.metrics.membership import Attack, DiscriminatorScore, MonteCarlo, NearestSample, auc, bootstrap

MakeAttack: TypeAlias = Callable[[GAN], Attack]
_MORE = "members are told from unseen images"
_LESS = "the forgotten images are marked: they score below unseen ones"


def nearest_sample(gan: GAN, *, samples: int = 2000, reference: Tensor | None = None) -> Attack:
    """Returns GAN-Leaks' attack (Chen et al. 2020) with samples of the GAN: ``metrics.membership.NearestSample``."""
    return NearestSample(gan.sample(samples), reference=reference)


def monte_carlo(
    gan: GAN, *, samples: int = 2000, reference: Tensor | None = None, radius: float | None = None
) -> Attack:
    """Returns Hilprecht et al.'s attack (2019) with samples of the GAN: ``metrics.membership.MonteCarlo``."""
    return MonteCarlo(gan.sample(samples), reference=reference, radius=radius)


def membership(
    gan: GAN,
    items: Tensor,
    unseen: Tensor,
    *,
    labels: Tensor | None = None,
    unseen_labels: Tensor | None = None,
    attack: MakeAttack = DiscriminatorScore,
    judge: AuditResult | None = None,
    seed: int = 0,
) -> AuditResult:
    """Returns how well an attack tells forgotten images from unseen ones: ROC AUC with a bootstrap interval.

    Args:
        gan: the GAN under attack.
        items: forgotten images ``(N, ...)``; for a class, its training images.
        unseen: real images ``(M, ...)`` that neither the GAN nor any fake label has seen; for a class, of that class.
        labels: classes of the items, for conditional GANs.
        unseen_labels: classes of the unseen images.
        attack: makes an attack on a GAN: ``DiscriminatorScore`` (LOGAN, Hayes et al. 2019), :func:`nearest_sample`,
            :func:`monte_carlo`, the latter with ``functools.partial(..., reference=real images)`` for calibration.
        judge: the same audit of the retrained GAN.
        seed: of samples and bootstrap.

    Raises:
        UnlearningError: if there are no images of one kind.

    Example:
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 1))
        >>> gan = GAN(torch.nn.Linear(2, 4), net, latents=(2,))
        >>> membership(gan, torch.rand(5, 1, 2, 2), torch.rand(9, 1, 2, 2)).unit
        'ROC AUC'
    """
    members, others = _scores(gan, items, unseen, labels, unseen_labels, attack, seed)
    low, high = bootstrap(members, others, seed=seed)
    details = {"items": len(members), "unseen": len(others)}
    name = f"membership, {attack_name(attack)}"
    return judged(name, "ROC AUC", auc(members, others), low, high, judge, more=_MORE, less=_LESS, details=details)


def set_membership(
    gan: GAN,
    items: Tensor,
    unseen: Tensor,
    *,
    labels: Tensor | None = None,
    unseen_labels: Tensor | None = None,
    attack: MakeAttack = monte_carlo,
    judge: AuditResult | None = None,
    seed: int = 0,
) -> AuditResult:
    """Returns how often the items as one set score above equally many unseen images (Hilprecht et al. 2019).

    The unseen images are cut into disjoint sets, so that Wilson's interval holds; many small traces add up in a set.
    Arguments are those of :func:`membership`.

    Raises:
        UnlearningError: if there are fewer unseen images than items.
    """
    if len(unseen) < len(items):
        raise UnlearningError(f"{len(unseen)} unseen images make no set of {len(items)}: give more of them.")
    members, others = _scores(gan, items, unseen, labels, unseen_labels, attack, seed)
    order = torch.randperm(len(others), generator=torch.Generator().manual_seed(seed))
    sets = len(others) // len(members)
    means = others[order[: sets * len(members)]].view(sets, -1).mean(1)
    won = int((means < members.mean()).sum())
    low, high = wilson(won, sets)
    name = f"membership of the set, {attack_name(attack)}"
    details = {"items": len(members), "sets": sets}
    return judged(name, "share won", won / sets, low, high, judge, more=_MORE, less=_LESS, details=details)


def attack_name(attack: MakeAttack) -> str:
    """Returns what a maker of attacks is called in results."""
    named = attack.func if isinstance(attack, partial) else attack
    return (
        "discriminator's score"
        if named is DiscriminatorScore
        else str(getattr(named, "__name__", named)).replace("_", " ")
    )


def _scores(
    gan: GAN,
    items: Tensor,
    unseen: Tensor,
    labels: Tensor | None,
    unseen_labels: Tensor | None,
    attack: MakeAttack,
    seed: int,
) -> tuple[Tensor, Tensor]:
    if not len(items) or not len(unseen):
        raise UnlearningError(
            f"There are {len(items)} forgotten and {len(unseen)} unseen images: a membership audit needs both."
        )
    both = None if labels is None or unseen_labels is None else torch.cat([labels, unseen_labels])
    with borrow(gan.generator, gan.discriminator, seed=seed), torch.no_grad():
        scores = attack(gan)(torch.cat([items, unseen]).to(gan.device), both).cpu().double()
    return scores[: len(items)], scores[len(items) :]
