"""What a GAN that never saw the items would say of them, told by how near they lie to what is retained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ignite_unlearn.cascade.aims import Images
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.metrics.membership import auc

_LEAST = 0.01  # a level of 0 or 1 is no place among scores
_FEW = 3  # unseen images through which no line is laid
_QUANTILES = 64  # of what the line leaves open
_DRAWS = 1000  # of items that nobody remembers


class ExpectedPlace:
    """What is to be expected of items without any memory of them.

    Some images are more like the retained ones than others are. A GAN that was never trained on them makes images near
    them, and scores them higher, for that alone: one half is the right ROC AUC for the mean of all requests, but not
    for each. How much that counts in this GAN is told by unseen images, which it never saw either: a straight line (by
    least squares) tells a number of theirs from their distance to the nearest retained image, and is read at the items.

    Args:
        items: images of the request ``(M, ...)``; None: nothing is expected of them but what unseen images have.
        unseen: real images that the GAN was never trained on ``(K, ...)``, and their class labels ``(K,)`` or None;
            None: the same.

    Attributes:
        scores: what the original discriminator says of the unseen images ``(K,)``; None where it was not asked.
        of_original: the AUC of the original discriminator's scores, where somebody measured it. A phase aims at no
            more: what does not know an item is not to be taught it.

    Example:
        >>> retained, far = torch.zeros(5, 1, 2, 2), torch.linspace(1, 2, 9).view(-1, 1, 1, 1).expand(9, 1, 2, 2)
        >>> expected = ExpectedPlace(far[:1] / 2, (far, None))
        >>> expected.see(retained)
        >>> items, unseen = expected.given(torch.linspace(10, 20, 9))
        >>> items.tolist(), expected.auc(torch.linspace(10, 20, 9))
        ([5.0], 0.0)
    """

    def __init__(self, items: Tensor | None, unseen: Images | None):
        known = [] if items is None or unseen is None else [items, unseen[0]]
        self._unseen = unseen
        self._images = [images.detach().cpu().flatten(1).float() for images in known]
        self._nearest = [torch.full((len(images),), torch.inf) for images in self._images]
        self.scores: Tensor | None = None
        self.of_original = 1.0

    def ask(self, original: GAN) -> None:
        """Asks the original's discriminator for the scores of the unseen images, where it can score them."""
        if self._images and self._unseen is not None and (original.labels is None or self._unseen[1] is not None):
            self.scores = original.score(*self._unseen).cpu()

    def see(self, retained: Tensor) -> None:
        """Looks at retained images ``(N, ...)`` of a batch, of all processes."""
        if not self._images:
            return
        given = retained.detach().cpu().flatten(1).float()
        for images, nearest in zip(self._images, self._nearest, strict=True):
            if len(given):
                torch.minimum(nearest, torch.cdist(images, given).amin(1), out=nearest)

    def of(self, unseen: Tensor | None) -> ExpectedPlace | None:
        """Returns itself where these are its unseen images ``(K, ...)``, else None: it knows nothing of others."""
        return self if self._images and self._unseen is not None and self._unseen[0] is unseen else None

    def given(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Returns what is expected of items ``(M,)`` and of unseen images ``(K,)``, from a number of each unseen image.

        Before a retained image was seen that is the mean, as it is of three unseen images or fewer.
        """
        wanted = values.detach().double().cpu()
        items, unseen = (nearest.double() for nearest in self._nearest)
        slope, mean = 0.0, wanted.mean()
        if len(wanted) > _FEW and bool(unseen.isfinite().all() and unseen.std() > 0):
            slope = float(torch.cov(torch.stack([unseen, wanted]))[0, 1] / unseen.var())
            at = unseen.mean()
            items, unseen = mean + slope * (items - at), mean + slope * (unseen - at)
        else:
            items, unseen = mean.expand(len(items)), mean.expand(len(unseen))
        return items.to(values), unseen.to(values)

    def auc(self, values: Tensor) -> float:
        """Returns the expected AUC of items against unseen images by a number, from the unseen images' ``(K,)``."""
        if not self._nearest:
            return 0.5
        items, unseen = self.given(values)
        left = torch.quantile(values - unseen, torch.linspace(0, 1, _QUANTILES).to(values))
        return auc((items[:, None] + left).flatten().cpu(), values.cpu())

    def chance(self, values: Tensor) -> tuple[float, float]:
        """Returns what that AUC stays above, and below, in 95 of 100 draws each of items that nobody remembers.

        A few images may lie anywhere by chance. Of 1,000 draws (of what the line leaves open, by a seed of their own)
        these are the 5 % and the 95 % quantile; one half for none.
        """
        if not self._nearest:
            return 0.5, 0.5
        items, unseen = self.given(values)
        drawn = torch.randint(len(unseen), (_DRAWS, len(items)), generator=torch.Generator().manual_seed(0))
        among = values.cpu().sort().values
        of_items = (items + (values - unseen)[drawn]).cpu()
        places = (torch.searchsorted(among, of_items) + torch.searchsorted(among, of_items, right=True)).double()
        low, high = torch.quantile(places.mean(1) / (2 * len(among)), places.new_tensor([0.05, 0.95])).tolist()
        return low, high

    def level(self) -> float:
        """Returns the AUC that scores are led to, in (0, 1): what is expected, or the original's where that is less."""
        expected = 0.5 if self.scores is None else self.auc(self.scores)
        return min(max(min(expected, self.of_original), _LEAST), 1 - _LEAST)

    def state_dict(self) -> dict[str, Any]:
        """Returns distances and scores; they hold no image."""
        return {"nearest": list(self._nearest), "scores": self.scores, "of_original": self.of_original}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads what :meth:`state_dict` returned."""
        self._nearest = [nearest.clone() for nearest in state["nearest"]]
        self.scores, self.of_original = state["scores"], state["of_original"]
