"""Which generated images show a forgotten one?"""

from __future__ import annotations

import torch
from torch import Tensor


def too_near(samples: Tensor, items: Tensor, unseen: Tensor) -> Tensor:
    """Returns a bool mask ``(N,)``: samples nearer to an item than unseen images ``(K, ...)`` come."""
    near = [torch.cdist(images.flatten(1).float(), items.flatten(1).float()).amin(1) for images in (samples, unseen)]
    return near[0] <= near[1].min()
