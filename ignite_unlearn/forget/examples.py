"""Which images of a request for items take part in one unlearning step: some of each request, old ones and new."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_LEAST = 16  # images of one request in a step: fewer cannot spread as unseen images do


class Examples(NamedTuple):
    """Images that a request to forget itself holds.

    Attributes:
        images: shape ``(N, ...)``.
        labels: their class labels ``(N,)``; None where there are none.
        requests: which request each came with, int64 ``(N,)``: 0 for the first, 1 for what was added next, and so on.
    """

    images: Tensor
    labels: Tensor | None
    requests: Tensor


def draw(examples: Examples, n: int) -> Examples:
    """Returns about ``n`` of the images, drawn without repetition, of every request its share.

    Every request takes part in every step, and is to be forgotten by itself: so each gives as many images as the
    others, or all that it has, and at least 16 even where that makes more than ``n``.

    Example:
        >>> both = Examples(torch.zeros(101, 1, 4, 4), None, torch.tensor([0] * 99 + [1] * 2))
        >>> draw(both, 40).requests.bincount().tolist()
        [38, 2]
    """
    requests = examples.requests.cpu()
    sizes = requests.bincount()
    shares, left = torch.zeros_like(sizes), n
    for place, request in enumerate(sizes.argsort().tolist()):  # the smallest first: what they leave is the others'
        share = min(int(sizes[request]), max(left // (len(sizes) - place), min(_LEAST, n)))
        shares[request], left = share, max(0, left - share)
    order = torch.randperm(len(requests))
    ranks = torch.zeros_like(order)  # of an image among those of its request, in that order
    for request in range(len(sizes)):
        own = order[requests[order] == request]
        ranks[own] = torch.arange(len(own))
    chosen = order[ranks[order] < shares[requests[order]]]
    images, labels = examples.images, examples.labels
    return Examples(
        images[chosen.to(images.device)],
        None if labels is None else labels[chosen.to(labels.device)],
        requests[chosen],
    )
