"""Histograms of the discriminator's scores for a record: counts, never images."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.metrics.membership import DiscriminatorScore
from ignite_unlearn.utils.asked import COUNT, KINDS, asks, kind


@asks(gan=kind("a GAN", GAN), kinds=KINDS, bins=COUNT)
def score_histogram(
    gan: GAN, kinds: Mapping[str, tuple[Tensor, Tensor | None]], *, bins: int = 30
) -> dict[str, list[float]]:
    """Returns counts of scores by kind of image, over bins that all kinds share.

    Args:
        gan: whose discriminator scores.
        kinds: name, such as ``"forget"``, ``"retain"``, ``"unseen"``, to images ``(N, ...)`` and labels or None.
        bins: how many; the outermost hold the hundredth part of all scores that lies beyond.

    Returns:
        ``edges``, ``bins + 1`` numbers, and for each kind ``bins`` counts.

    Example:
        >>> import torch
        >>> netD = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 1))
        >>> gan = GAN(torch.nn.Linear(2, 4), netD, latents=(2,))
        >>> found = score_histogram(gan, {"unseen": (torch.rand(50, 1, 2, 2), None)}, bins=5)
        >>> len(found["edges"]), sum(found["unseen"])
        (6, 50)
    """
    score = DiscriminatorScore(gan)
    scores = {kind: score(images, labels).cpu().double().numpy() for kind, (images, labels) in kinds.items()}
    low, high = np.quantile(np.concatenate(list(scores.values())), [0.005, 0.995])
    edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    counts = {kind: np.histogram(values.clip(edges[0], edges[-1]), edges)[0] for kind, values in scores.items()}
    return {"edges": edges.tolist(), **{kind: found.tolist() for kind, found in counts.items()}}
