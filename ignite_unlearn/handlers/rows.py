"""What a phase is given of a batch: this process's rows, and images that the request itself holds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ignite_unlearn.forget.examples import Examples
from ignite_unlearn.utils.distributed import gather_rows, shard


@dataclass(frozen=True)
class Rows:
    """What a discriminator is unlearned on: this process's rows of a batch, and images that the request itself holds.

    Attributes:
        images: the batch's images ``(N, ...)``.
        labels: their labels ``(N,)``; None where the batch has none.
        forgotten: bool mask ``(N,)``.
        examples: images of the request, the same on every process. They take the place of the batch's forgotten rows;
            None where the request holds no images.
    """

    images: Tensor
    labels: Tensor | None
    forgotten: Tensor
    examples: Examples | None = None

    def on(self, device: torch.device) -> tuple[Tensor, Tensor | None, Tensor]:
        """Returns images, labels and mask on ``device``, without gradients; of examples this process's share."""
        images, labels, forgotten = self.images.detach().to(device), self.labels, self.forgotten.to(device)
        labels = None if labels is None else labels.to(device)
        if self.examples is None:
            return images, labels, forgotten
        mine, kept = shard(len(self.examples.images)), ~forgotten
        more, more_labels = self.examples.images[mine].to(images), self.examples.labels
        if not bool(kept.any()):  # no rows have no shape that counts
            own = None if more_labels is None else more_labels[mine].to(device)
            return more, own, torch.ones(len(more), dtype=torch.bool, device=device)
        both = (
            None if labels is None or more_labels is None else torch.cat([labels[kept], more_labels[mine].to(labels)])
        )
        mask = torch.arange(int(kept.sum()) + len(more), device=device) >= int(kept.sum())
        return torch.cat([images[kept], more]), both, mask

    def joined(self) -> Rows:
        """Returns the rows of all processes, in the order of their ranks; a collective call, but for further calls.

        Where the request holds no images, the forgotten ones among them are the examples too.
        """
        return self._everyones

    @property
    def retained(self) -> Tensor:
        """The images that are not to be forgotten ``(K, ...)``."""
        return self.images.detach()[~self.forgotten]

    @cached_property
    def _everyones(self) -> Rows:
        images, labels = gather_rows(self.images.detach()), gather_rows(self.labels)
        forgotten = gather_rows(self.forgotten)
        assert images is not None and forgotten is not None
        examples = self.examples
        if examples is None:
            own = None if labels is None else labels[forgotten.to(labels.device)]
            requests = torch.zeros(int(forgotten.sum()), dtype=torch.int64)
            examples = Examples(images[forgotten.to(images.device)], own, requests)
        return Rows(images, labels, forgotten, examples)

    def requests(self, n: int) -> Tensor:
        """Returns which request each of the ``n`` forgotten images of all processes came with, int64 ``(N,)``."""
        return torch.zeros(n, dtype=torch.int64) if self.examples is None else self.examples.requests
