"""The distribution of unseen images' scores."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ignite_unlearn.cascade.fake_labels.unseen import Unseen
from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.borrow import step_seed
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.utils.asked import BOOL, CALL, COUNT, IMAGES, LABELS, SEED, asks, maybe


class UnseenQuantiles(Unseen):
    """Quantiles of unseen images' scores, matched by rank: forgotten images spread as unseen ones do.

    The mean alone gives all forgotten images one score, and so betrays them by their lack of spread. Of n forgotten
    images the one with the k-th lowest score (k from 0) is to get the quantile ``(k + u[k]) / n`` of the unseen scores,
    with u drawn from [0, 1) once and for all by ``seed``: a single image gets a place that nobody can foretell. Each
    request is ranked by itself, with a u of its own: in one pool the later ones, whose scores are still high, would
    take the upper quantiles and push the earlier ones down.

    Args:
        images: as for :class:`Unseen`.
        labels: as for :class:`Unseen`.
        live: as for :class:`Unseen`.
        samples: as for :class:`Unseen`; the spread needs more of them than a mean does.
        trained: as for :class:`Unseen`.
        seed: of the places; give each request one of its own.
        level: the mean of the places, in (0, 1): the AUC that the items are to have; None: one half. Other places are
            the uniform ones, each to the same power.

    Raises:
        UnlearningError: as for :class:`Unseen`.

    Example:
        >>> import torch
        >>> fake_label = UnseenQuantiles(torch.zeros(100, 1, 16, 16))
    """

    @asks(
        images=IMAGES,
        labels=maybe(LABELS),
        live=BOOL,
        samples=COUNT,
        trained=maybe(IMAGES),
        seed=SEED,
        level=maybe(CALL),
    )
    def __init__(
        self,
        images: Tensor,
        labels: Tensor | None = None,
        *,
        live: bool = True,
        samples: int = 512,
        trained: Tensor | None = None,
        seed: int = 0,
        level: Callable[[], float] | None = None,
    ):
        super().__init__(images, labels, live=live, samples=samples, trained=trained)
        self.seed, self.level = seed, level

    def __call__(self, scores: Tensor, gan: GAN, teacher: GAN, regions: LatentRegions, requests: Tensor) -> Tensor:
        """Returns a quantile of the unseen images' scores for each image; see :class:`FakeLabel`."""
        unseen = self._unseen_scores(gan, teacher).to(scores)  # also without rows: it moves the random number stream
        targets = torch.empty_like(scores)
        for request in requests.unique().tolist():
            mine = scores[requests == request]
            ranks = mine.argsort().argsort()
            places = (torch.arange(len(mine)).to(scores) + self._shifts(request, len(mine)).to(scores)) / len(mine)
            if self.level is not None:
                places = places ** (1 / self.level() - 1)  # the mean of u ** p is 1 / (1 + p)
            targets[requests == request] = torch.quantile(unseen, places)[ranks]
        return targets

    def _shifts(self, request: int, n: int) -> Tensor:
        seed = step_seed(self.seed, request) if request else self.seed
        return torch.rand(n, generator=torch.Generator().manual_seed(seed))
