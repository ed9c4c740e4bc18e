"""Audit: can forgotten images be told from unseen ones by what the GAN says or makes?"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field

from torch import Tensor

from ignite_unlearn.audits.attacks import ByDiscriminatorScore, MembershipAttack, attack_scores
from ignite_unlearn.audits.result import AuditResult, verdict
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.metrics.membership import auc, bootstrap
from ignite_unlearn.utils.asked import CALL, IMAGES, LABELS, SEED, asks, maybe

MORE = "members are told from unseen images"
LESS = "the forgotten images are marked: they score below unseen ones"


@asks(
    items=IMAGES,
    unseen=IMAGES,
    labels=maybe(LABELS),
    unseen_labels=maybe(LABELS),
    attack=CALL,
    seed=SEED,
)
@dataclass(frozen=True, eq=False, repr=False)
class Membership:
    """How well an attack tells forgotten images from unseen ones: ROC AUC with a bootstrap interval.

    Args:
        items: forgotten images ``(N, ...)``; for a class, its training images.
        unseen: real images ``(M, ...)`` that neither the GAN nor any fake label has seen; for a class, of that class.
        labels: classes of the items ``(N,)``, for conditional GANs.
        unseen_labels: classes of the unseen images ``(M,)``.
        attack: :class:`~ignite_unlearn.audits.attacks.ByDiscriminatorScore`, ``ByNearestSample`` or ``ByMonteCarlo``,
            or one of one's own.
        seed: of samples and bootstrap.

    Example:
        >>> import torch
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 1))
        >>> gan = GAN(torch.nn.Linear(2, 4), net, latents=(2,))
        >>> Membership(torch.rand(5, 1, 2, 2), torch.rand(9, 1, 2, 2))(gan).unit
        'ROC AUC'
    """

    items: Tensor
    unseen: Tensor
    _: KW_ONLY
    labels: Tensor | None = None
    unseen_labels: Tensor | None = None
    attack: MembershipAttack = field(default_factory=ByDiscriminatorScore)
    seed: int = 0

    @property
    def key(self) -> str:
        """What programs know it by, another of each attack."""
        return f"membership_{self.attack.key}"

    @property
    def title(self) -> str:
        """What people read."""
        return f"membership, {self.attack.title}"

    def __call__(self, gan: GAN, *, retrained: AuditResult | None = None) -> AuditResult:
        """Audits a GAN.

        Raises:
            UnlearningError: if there are no images of one kind.
        """
        members, others = attack_scores(
            gan, self.attack, self.items, self.unseen, self.labels, self.unseen_labels, seed=self.seed
        )
        low, high = bootstrap(members, others, seed=self.seed)
        details = {"items": len(members), "unseen": len(others)}
        value = auc(members, others)
        return verdict(self, "ROC AUC", value, low, high, retrained, more=MORE, less=LESS, details=details)
