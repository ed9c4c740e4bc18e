"""Audit: does inversion find the forgotten images in the generator more closely than unseen ones?"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ignite_unlearn.audits.result import AuditResult, verdict
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.inversion import Inversion, Inverted
from ignite_unlearn.forget.items import Inverter
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.metrics.membership import auc, bootstrap
from ignite_unlearn.utils.answers import answer
from ignite_unlearn.utils.asked import CALL, IMAGES, LABELS, SEED, alike, asks, kind, maybe, one_each

_INVERTED = kind("what an Inversion returns", Inverted)


@asks(
    items=IMAGES,
    unseen=IMAGES,
    labels=maybe(LABELS),
    unseen_labels=maybe(LABELS),
    inversion=maybe(CALL),
    seed=SEED,
)
@dataclass(frozen=True, eq=False, repr=False)
class Reconstruction:
    """The chance that an item is reconstructed more closely than an unseen image, with a bootstrap interval.

    The white-box attack of GAN-Leaks (Chen et al. 2020).

    Args:
        items: forgotten images ``(N, ...)``.
        unseen: real images ``(M, ...)`` that the GAN was never trained on.
        labels: classes of the items ``(N,)``, for conditional GANs.
        unseen_labels: classes of the unseen images ``(M,)``.
        inversion: finds latents; default: the best of 2,048 candidates, then up to 100 steps.
        seed: of the search.

    Example:
        >>> netG = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Unflatten(1, (1, 2, 2)))
        >>> gan = GAN(netG, torch.nn.Linear(4, 1), latents=(2,))
        >>> images = torch.rand(8, 1, 2, 2)
        >>> inversion = Inversion(candidates=16, steps=2, progress=False)
        >>> Reconstruction(images[:4], images[4:], inversion=inversion)(gan).unit
        'ROC AUC'
    """

    items: Tensor
    unseen: Tensor
    _: KW_ONLY
    labels: Tensor | None = None
    unseen_labels: Tensor | None = None
    inversion: Inverter | None = None
    seed: int = 0
    key: ClassVar[str] = "reconstruction"
    title: ClassVar[str] = "reconstruction by inversion"

    def __call__(self, gan: GAN, *, retrained: AuditResult | None = None) -> AuditResult:
        """Audits a GAN.

        Raises:
            UnlearningError: if there are no images of one kind.
        """
        items, unseen, labels, unseen_labels = self.items, self.unseen, self.labels, self.unseen_labels
        if not len(items) or not len(unseen):
            raise UnlearningError(
                f"There are {len(items)} forgotten and {len(unseen)} unseen images: reconstruction needs both."
            )
        for images, given in ((items, labels), (unseen, unseen_labels)):
            one_each(images, given)
        alike(items, unseen)
        inversion = self.inversion or Inversion(candidates=2048, steps=100, progress=False)
        both = None if labels is None or unseen_labels is None else torch.cat([labels, unseen_labels])
        with borrow(gan.generator, gan.discriminator, seed=self.seed):
            images = torch.cat([items, unseen]).to(gan.device)
            found = answer("the inversion", _INVERTED, inversion, gan, images, both)
            errors = found.errors.detach().cpu().double()
        mine, others = errors[: len(items)], errors[len(items) :]
        low, high = bootstrap(-mine, -others, seed=self.seed)
        return verdict(
            self,
            "ROC AUC",
            auc(-mine, -others),
            low,
            high,
            retrained,
            more="the generator still makes the forgotten images more closely than unseen ones",
            less="the generator avoids the forgotten images",
            details={"error": float(mine.mean()), "unseen_error": float(others.mean())},
        )
