"""Audit: do many small traces of forgotten images add up in a set of them?"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field

import torch
from torch import Tensor

from ignite_unlearn.audits.attacks import ByMonteCarlo, MembershipAttack, attack_scores
from ignite_unlearn.audits.membership import LESS, MORE
from ignite_unlearn.audits.result import AuditResult, verdict
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.metrics.intervals import wilson
from ignite_unlearn.utils.asked import CALL, IMAGES, LABELS, SEED, asks, maybe


@asks(
    items=IMAGES,
    unseen=IMAGES,
    labels=maybe(LABELS),
    unseen_labels=maybe(LABELS),
    attack=CALL,
    seed=SEED,
)
@dataclass(frozen=True, eq=False, repr=False)
class SetMembership:
    """How often the items as one set score above equally many unseen images (Hilprecht et al. 2019).

    The unseen images are cut into disjoint sets, so that Wilson's interval holds; many small traces add up in a set.
    Arguments are those of :class:`~ignite_unlearn.audits.membership.Membership`.

    Example:
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 1))
        >>> gan = GAN(torch.nn.Linear(2, 4), net, latents=(2,))
        >>> SetMembership(torch.rand(3, 4), torch.rand(9, 4), attack=ByMonteCarlo(samples=10))(gan).details["sets"]
        3
    """

    items: Tensor
    unseen: Tensor
    _: KW_ONLY
    labels: Tensor | None = None
    unseen_labels: Tensor | None = None
    attack: MembershipAttack = field(default_factory=ByMonteCarlo)
    seed: int = 0

    @property
    def key(self) -> str:
        """What programs know it by, another of each attack."""
        return f"set_membership_{self.attack.key}"

    @property
    def title(self) -> str:
        """What people read."""
        return f"membership of the set, {self.attack.title}"

    def __call__(self, gan: GAN, *, retrained: AuditResult | None = None) -> AuditResult:
        """Audits a GAN.

        Raises:
            UnlearningError: if there are no items, or fewer unseen images than items.
        """
        if len(self.unseen) < len(self.items):
            raise UnlearningError(
                f"{len(self.unseen)} unseen images make no set of {len(self.items)}: give more of them."
            )
        members, others = attack_scores(
            gan, self.attack, self.items, self.unseen, self.labels, self.unseen_labels, seed=self.seed
        )
        order = torch.randperm(len(others), generator=torch.Generator().manual_seed(self.seed))
        sets = len(others) // len(members)
        means = others[order[: sets * len(members)]].view(sets, -1).mean(1)
        won = int((means < members.mean()).sum())
        low, high = wilson(won, sets)
        details = {"items": len(members), "sets": sets}
        return verdict(self, "share won", won / sets, low, high, retrained, more=MORE, less=LESS, details=details)
