"""What a phase is given of a batch: this process's rows, and images that the request itself holds."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
        mine = shard(len(self.examples.images))
        more, more_labels = self.examples.images[mine].to(images), self.examples.labels
        kept = ~forgotten
        both = (
            None if labels is None or more_labels is None else torch.cat([labels[kept], more_labels[mine].to(labels)])
        )
        mask = torch.arange(int(kept.sum()) + len(more), device=device) >= int(kept.sum())
        return torch.cat([images[kept], more]), both, mask

    def joined(self) -> Rows:
        """Returns rows whose examples are the forgotten rows of all processes, where the request holds no images."""
        if self.examples is not None:
            return self
        images = gather_rows(self.images.detach()[self.forgotten])
        labels = gather_rows(None if self.labels is None else self.labels[self.forgotten])
        assert images is not None
        return replace(self, examples=Examples(images, labels, torch.zeros(len(images), dtype=torch.int64)))

    def requests(self, n: int) -> Tensor:
        """Returns which request each of the ``n`` forgotten images of all processes came with, int64 ``(N,)``."""
        return torch.zeros(n, dtype=torch.int64) if self.examples is None else self.examples.requests
