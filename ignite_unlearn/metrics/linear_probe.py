"""A linear probe as an attack: do a discriminator's hidden features still tell what its score no longer does?"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ignite_unlearn.utils.answers import answer, rows_of
from ignite_unlearn.utils.asked import CALL, IMAGES, LABELS, alike, asks, maybe, number
from ignite_unlearn.utils.linear_probe import fit_probe

_AT_ONCE = 512


class LinearProbe:
    """A membership attack on features: it learns from known members and non-members, and is asked about others.

    Where only a discriminator's head was unlearned, the score is fooled and the probe is not.

    Args:
        features: images ``(N, ...)``, and where there are labels also these ``(N,)``, to features ``(N, F)``, such as
            the discriminator's last hidden layer.
        members: retained training images ``(M, ...)``.
        unseen: images ``(K, ...)`` that were never trained on; not those that the attack is judged by.
        labels: classes of the members ``(M,)``, for conditional GANs.
        unseen_labels: classes of the unseen images ``(K,)``.
        ridge: as for :func:`~ignite_unlearn.utils.linear_probe.fit_probe`.

    Raises:
        UnlearningError: if one of the two kinds is missing.

    Example:
        >>> import torch
        >>> probe = LinearProbe(torch.nn.Flatten(), torch.ones(4, 1, 2, 2), torch.zeros(4, 1, 2, 2))
        >>> (probe(torch.ones(1, 1, 2, 2)) > probe(torch.zeros(1, 1, 2, 2))).tolist()
        [True]
    """

    @asks(
        features=CALL,
        members=IMAGES,
        unseen=IMAGES,
        labels=maybe(LABELS),
        unseen_labels=maybe(LABELS),
        ridge=number(at_least=0),
    )
    def __init__(
        self,
        features: Callable[..., Tensor],
        members: Tensor,
        unseen: Tensor,
        *,
        labels: Tensor | None = None,
        unseen_labels: Tensor | None = None,
        ridge: float = 0.25,
    ):
        self._features = features
        alike(members, unseen)
        self._direction = fit_probe(self._of(members, labels), self._of(unseen, unseen_labels), ridge=ridge)

    def __call__(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Returns scores ``(N,)``: higher is more like a training image."""
        return self._of(images, labels) @ self._direction

    def _of(self, images: Tensor, labels: Tensor | None) -> Tensor:
        parts = [(part,) for part in images.split(_AT_ONCE)]
        if labels is not None:
            parts = list(zip(images.split(_AT_ONCE), labels.split(_AT_ONCE), strict=True))  # type: ignore[arg-type]
        with torch.no_grad():
            found = [answer("features", rows_of(len(part[0])), self._features, *part).flatten(1) for part in parts]
        rows = torch.cat(found)
        return rows if rows.is_floating_point() else rows.float()
