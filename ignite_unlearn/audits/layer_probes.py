"""Audit: do the discriminator's layers still know forgotten images, whatever its score says?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from ignite_unlearn.audits.result import AuditResult, verdict
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.score_gradients import SCORE, layer_features
from ignite_unlearn.metrics.membership import auc, bootstrap
from ignite_unlearn.utils.asked import COUNT, IMAGES, LABELS, SEED, asks, maybe, one_each
from ignite_unlearn.utils.linear_probe import fit_probe

_AT_ONCE = 256
_LEVEL = 0.95
_DRAWS = 2000  # the ends of an interval for many layers are rare draws


@asks(
    items=IMAGES,
    unseen=IMAGES,
    labels=maybe(LABELS),
    unseen_labels=maybe(LABELS),
    retained=IMAGES,
    retained_labels=maybe(LABELS),
    at_most=COUNT,
    seed=SEED,
)
@dataclass(frozen=True, eq=False, repr=False)
class LayerProbes:
    """How well a linear probe of the layer that gives most away tells forgotten images from unseen ones, as a ROC AUC.

    After each layer of the discriminator a probe is taught to tell retained training images from unseen ones, and then
    judged by the forgotten ones and by unseen ones that it was not taught. A change of the last layer alone fools the
    score, and not the layers below (arXiv 2605.20282). The probe of the score itself is the last.

    Each layer stands beside the same of the retrained GAN, and the one that lies farthest apart is reported; without a
    retrained GAN the one with the highest AUC. So that this choice flatters nobody, each layer's bootstrap interval is
    widened for as many layers as there are (Bonferroni). Layers have the names of those that their features go into;
    ``details`` hold all of them.

    Args:
        items: forgotten images ``(N, ...)``.
        unseen: real images ``(M, ...)`` that the GAN was never trained on; a seeded half teaches, the others judge.
        retained: training images ``(K, ...)`` that are not to be forgotten.
        labels: classes of the items ``(N,)``, for conditional GANs.
        unseen_labels: classes of the unseen images ``(M,)``.
        retained_labels: classes of the retained images ``(K,)``.
        at_most: how many images of each kind teach, and how many unseen ones judge.
        seed: of what is drawn of them, and of the bootstrap.

    Example:
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
        >>> gan = GAN(torch.nn.Linear(2, 4), net, latents=(2,))
        >>> sorted(LayerProbes(torch.rand(5, 4), torch.rand(9, 4), torch.rand(9, 4))(gan).details["layers"])
        ['3', 'score']
    """

    items: Tensor
    unseen: Tensor
    retained: Tensor
    _: KW_ONLY
    labels: Tensor | None = None
    unseen_labels: Tensor | None = None
    retained_labels: Tensor | None = None
    at_most: int = 512
    seed: int = 0
    key: ClassVar[str] = "layer_probes"
    title: ClassVar[str] = "membership, probes of the discriminator's layers"

    def __call__(self, gan: GAN, *, retrained: AuditResult | None = None) -> AuditResult:
        """Audits a GAN.

        Raises:
            UnlearningError: if there are no items, no retained or fewer than two unseen images.
        """
        if not len(self.items) or not len(self.retained) or len(self.unseen) < 2:
            raise UnlearningError(
                f"There are {len(self.items)} forgotten, {len(self.retained)} retained and {len(self.unseen)} unseen "
                "images: probes need some of each, and two unseen ones."
            )
        stream = torch.Generator().manual_seed(self.seed)
        mixed, kept = (torch.randperm(len(x), generator=stream) for x in (self.unseen, self.retained))
        half, most = len(mixed) // 2, self.at_most
        kinds = [
            (self.retained, self.retained_labels, kept[:most]),
            (self.unseen, self.unseen_labels, mixed[:half][:most]),
            (self.items, self.labels, torch.arange(len(self.items))),
            (self.unseen, self.unseen_labels, mixed[half:][:most]),
        ]
        with borrow(gan.discriminator, seed=self.seed), torch.no_grad():
            members, taught, items, judging = (_features(gan, *kind) for kind in kinds)
        level = 1 - (1 - _LEVEL) / len(members)
        found: dict[str, list[float]] = {}
        for name in members:
            direction = fit_probe(members[name], taught[name]).double()
            ours, others = (kind[name].double() @ direction for kind in (items, judging))
            low, high = bootstrap(ours, others, level=level, draws=_DRAWS, seed=self.seed)
            found[name] = [auc(ours, others), low, high]
        theirs = {} if retrained is None else retrained.details.get("layers", {})
        worst = max(found, key=lambda name: (_apart(found[name], theirs.get(name)), found[name][0]))
        value, low, high = found[worst]
        if retrained is not None and worst in theirs:
            retrained = replace(retrained, **dict(zip(("value", "low", "high"), theirs[worst], strict=True)))
        where = "the score still tells" if worst == SCORE else f"features that go into layer {worst} still tell"
        return verdict(
            self,
            "ROC AUC",
            value,
            low,
            high,
            retrained,
            more=f"{where} the forgotten images from unseen ones",
            less=f"the forgotten images are marked in {'the score' if worst == SCORE else f'what goes into {worst}'}",
            details={"layer": worst, "layers": found},
        )


def _apart(found: list[float], beside: list[float] | None) -> float:
    """Returns by how much two intervals miss each other; not above 0 where they meet, or there is no other."""
    if beside is None:
        return 0.0
    return max(found[1] - beside[2], beside[1] - found[2], 0.0)


def _features(gan: GAN, images: Tensor, labels: Tensor | None, rows: Tensor) -> dict[str, Tensor]:
    """Returns the features of some images by layer, on the CPU."""
    one_each(images, labels)

    def parts() -> Iterator[dict[str, Tensor]]:
        for part in rows.split(_AT_ONCE):
            given = None if labels is None else labels[part.to(labels.device)].to(gan.device)
            found = layer_features(gan, images[part.to(images.device)].to(gan.device), given)
            yield {name: features.cpu() for name, features in found.items()}

    made = list(parts())
    return {name: torch.cat([part[name] for part in made]) for name in made[0]}
