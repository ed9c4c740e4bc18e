"""What a GAN that never saw the items would say of them, told by how near they lie to what is retained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ignite.distributed as idist
import torch
from torch import Tensor

from ignite_unlearn.metrics.membership import auc

_LEAST = 0.01  # a level of 0 or 1 is no place among scores
_SHRINK = 0.7  # of what pixels tell, so much is seen in retrained GANs; see docs/decisions/by_itself.md


class ExpectedPlace:
    """The ROC AUC, items against unseen images, that is to be expected without any memory of the items.

    Some images are more like the retained ones than others are, and a GAN that was never trained on them makes images
    near them, and scores them higher, for that alone. One half is right for the mean of all requests, but not for each.
    So of items and unseen images the distance to the nearest retained image is taken, as batches go by, and the AUC of
    minus that distance is drawn seven tenths of the way from one half.

    Args:
        items: images of the request ``(M, ...)``; None: one half is expected.
        unseen: real images that the GAN was never trained on ``(K, ...)``; None: the same.

    Attributes:
        of_original: the AUC of the original discriminator's scores, where somebody measured it. A phase aims at no
            more: what does not know an item is not to be taught it.

    Example:
        >>> retained, unseen = torch.zeros(5, 1, 2, 2), torch.linspace(1, 2, 9).view(-1, 1, 1, 1).expand(9, 1, 2, 2)
        >>> expected = ExpectedPlace(unseen[:1] / 2, unseen)
        >>> before = expected.value
        >>> expected.see(retained)
        >>> before, expected.value
        (0.5, 0.85)
    """

    def __init__(self, items: Tensor | None, unseen: Tensor | None):
        known = [] if items is None or unseen is None else [items, unseen]
        self._images = [images.detach().cpu().flatten(1).float() for images in known]
        self._nearest = [torch.full((len(images),), torch.inf) for images in self._images]
        self.of_original = 1.0

    def see(self, retained: Tensor) -> None:
        """Looks at retained images ``(N, ...)`` of a batch; a collective call."""
        if not self._images:
            return
        given = retained.detach().cpu().flatten(1).float()
        for images, nearest in zip(self._images, self._nearest, strict=True):
            if len(given):
                torch.minimum(nearest, torch.cdist(images, given).amin(1), out=nearest)
            if idist.get_world_size() > 1:
                nearest.copy_(torch.as_tensor(idist.all_reduce(nearest, op="MIN")))

    @property
    def value(self) -> float:
        """The AUC, in [0.15, 0.85]; one half before a retained image was seen."""
        if not self._nearest or not bool(self._nearest[0].isfinite().all()):
            return 0.5
        items, unseen = self._nearest
        return 0.5 + _SHRINK * (auc(-items, -unseen) - 0.5)

    def level(self) -> float:
        """Returns the AUC that scores are led to, in (0, 1): what is expected, or the original's where that is less."""
        return min(max(min(self.value, self.of_original), _LEAST), 1 - _LEAST)

    def state_dict(self) -> dict[str, Any]:
        """Returns the distances; they hold no image."""
        return {"nearest": list(self._nearest)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads what :meth:`state_dict` returned."""
        self._nearest = [nearest.clone() for nearest in state["nearest"]]
