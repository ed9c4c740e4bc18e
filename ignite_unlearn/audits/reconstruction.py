"""Audit: does inversion find the forgotten images in the generator more closely than unseen ones?"""

from __future__ import annotations

import torch
from torch import Tensor

from ignite_unlearn.audits.result import AuditResult, judged
from ignite_unlearn.forget.inversion import Inversion
from ignite_unlearn.forget.items import Inverter
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.metrics.membership import auc, bootstrap


def reconstruction(
    gan: GAN,
    items: Tensor,
    unseen: Tensor,
    *,
    labels: Tensor | None = None,
    unseen_labels: Tensor | None = None,
    inversion: Inverter | None = None,
    judge: AuditResult | None = None,
    seed: int = 0,
) -> AuditResult:
    """Returns the chance that an item is reconstructed more closely than an unseen image, with a bootstrap interval.

    The white-box attack of GAN-Leaks (Chen et al. 2020).

    Args:
        gan: the GAN under attack.
        items: forgotten images ``(N, ...)``.
        unseen: real images ``(M, ...)`` that the GAN was never trained on.
        labels: classes of the items, for conditional GANs.
        unseen_labels: classes of the unseen images.
        inversion: finds latents; default: the best of 2,048 candidates, then up to 100 steps.
        judge: the same audit of the retrained GAN.
        seed: of the search.

    Example:
        >>> netG = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Unflatten(1, (1, 2, 2)))
        >>> gan = GAN(netG, torch.nn.Linear(4, 1), latents=(2,))
        >>> inversion = Inversion(candidates=16, steps=2, progress=False)
        >>> images = torch.rand(8, 1, 2, 2)
        >>> reconstruction(gan, images[:4], images[4:], inversion=inversion).unit
        'ROC AUC'
    """
    inversion = inversion or Inversion(candidates=2048, steps=100, progress=False)
    both = None if labels is None or unseen_labels is None else torch.cat([labels, unseen_labels])
    with borrow(gan.generator, gan.discriminator, seed=seed):
        errors = inversion(gan, torch.cat([items, unseen]).to(gan.device), both).errors.detach().cpu().double()
    mine, others = errors[: len(items)], errors[len(items) :]
    low, high = bootstrap(-mine, -others, seed=seed)
    return judged(
        "reconstruction by inversion",
        "ROC AUC",
        auc(-mine, -others),
        low,
        high,
        judge,
        more="the generator still makes the forgotten images more closely than unseen ones",
        less="the generator avoids the forgotten images",
        details={"error": float(mine.mean()), "unseen_error": float(others.mean())},
    )
