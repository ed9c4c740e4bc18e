"""Which generated samples show a forgotten image, so that no page prints them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.utils.asked import IMAGES, asks

COPY = 0.99  # correlation from which on a sample is a copy, whatever unseen images do
FEW = 0.9  # correlation that is too near where there are too few unseen images to say
_ENOUGH = 8  # unseen images
_RATE = 1000  # of so many unseen images one may lie as near
_DEVIATIONS = 4.94  # of a Gumbel distribution, as largest values have, one of a thousand is farther above its mean
_AT_ONCE = 2**24  # correlations


@asks(samples=IMAGES, items=IMAGES, unseen=IMAGES)
def too_near(samples: Tensor, items: Tensor, unseen: Tensor) -> Tensor:
    """Returns which samples are nearer to one of the items than unseen real images come.

    Nearness is the correlation of pixels, so that brightness and contrast do not matter; the negative of an item and
    its mirror image count as the item. A sample is too near where its largest correlation with an item is at least
    0.99, or above a threshold that the unseen images give:

    * with 1,000 unseen images or more, the one that one in a thousand of them exceeds;
    * with fewer, their largest, or, where that is higher, the mean of their Fisher z (``atanh`` of the correlation,
      Fisher 1915) and 4.94 standard deviations, which of largest values, as these are, one in a thousand exceeds
      (Gumbel 1958);
    * with fewer than eight, 0.9: too few to say what is far.

    Args:
        samples: generated images ``(N, ...)``.
        items: images to be forgotten ``(M, ...)`` of the same shape; none makes no sample too near.
        unseen: real images ``(K, ...)`` that the GAN was never trained on.

    Returns:
        Bool mask ``(N,)``, on the CPU.

    Raises:
        UnlearningError: if the shapes differ.

    Example:
        >>> stream = torch.Generator().manual_seed(0)
        >>> items, unseen, fresh = (torch.rand(n, 1, 8, 8, generator=stream) for n in (3, 200, 2))
        >>> too_near(torch.cat([fresh, 0.5 + items[:1] / 3]), items, unseen).tolist()
        [False, False, True]
    """
    for name, images in (("samples", samples), ("unseen images", unseen)):
        if len(images) and len(items) and images.shape[1:] != items.shape[1:]:
            raise UnlearningError(
                f"The {name} have shape {tuple(images.shape[1:])}, the items {tuple(items.shape[1:])}: give images of "
                "one shape."
            )
    if not len(samples) or not len(items):
        return torch.zeros(len(samples), dtype=torch.bool)
    known = _unit(items, items.flip(-1)) if items.dim() == 4 else _unit(items)
    return _nearest(samples, known) > _threshold(_nearest(unseen, known))


def _threshold(nearest: Tensor) -> float:
    if len(nearest) < _ENOUGH:
        return FEW
    allowed = len(nearest) // _RATE  # of the unseen images may exceed it
    threshold = nearest.sort(descending=True).values[allowed].item()
    if not allowed:
        z = nearest.clamp(max=1 - 1e-6).atanh()
        threshold = max(threshold, float((z.mean() + _DEVIATIONS * z.std()).tanh()))
    return min(threshold, COPY - 1e-6)


def _nearest(images: Tensor, known: Tensor) -> Tensor:
    rows = max(1, _AT_ONCE // len(known))
    parts = [(_unit(part) @ known.T).abs().amax(1) for part in images.split(rows)] if len(images) else []
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64)


def _unit(*kinds: Tensor) -> Tensor:
    flat = torch.cat([images.detach().cpu().double().flatten(1) for images in kinds])
    return normalize(flat - flat.mean(1, keepdim=True), dim=1)
