"""Which latents may take a forgotten latent's place under its label."""

from __future__ import annotations

import torch
from torch import Tensor


def under_own_label(apart: Tensor, labels: Tensor | None, asked: Tensor | None) -> Tensor:
    """Returns distances that are infinite where labels differ; those of a latent of whose label there is none are kept.

    What a latent makes under another label says nothing of this one, under which it may well make the item.

    Args:
        apart: from each of ``N`` latents to each of ``K`` others.
        labels: of the latents ``(N,)``; None: the GAN takes none.
        asked: of the others ``(K,)``; None likewise.

    Example:
        >>> under_own_label(torch.ones(2, 2), torch.tensor([4, 7]), torch.tensor([4, 5]))
        tensor([[1., inf],
                [1., 1.]])
    """
    if labels is None or asked is None:
        return apart
    other = labels[:, None] != asked[None]
    return apart.masked_fill(other & ~other.all(1, keepdim=True), torch.inf)
