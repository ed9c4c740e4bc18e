"""Which images are no longer what is to be forgotten, told by unseen real images of all classes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Unlike:
    """Tells images that are nearer to a real image of another class than to any of the forgotten ones (pixels, L2).

    Where a GAN draws some of a class's images like the forgotten one, that class is no substitute: those images stay
    what was to be forgotten, whoever asks. No classifier is needed, only a few hundred labelled images.

    Attributes:
        images: real images ``(K, ...)`` of the forgotten and of other classes.
        labels: their classes ``(K,)``.
        forgotten: the forgotten classes.

    Example:
        >>> real = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1)
        >>> Unlike(real, torch.tensor([7, 3]), {7})(torch.tensor([0.2, 0.9]).view(2, 1, 1, 1)).tolist()
        [False, True]
    """

    images: Tensor = field(repr=False)
    labels: Tensor = field(repr=False)
    forgotten: Collection[int]

    def __call__(self, images: Tensor, own: Tensor | None = None) -> Tensor:
        """Returns for which of ``images`` ``(N, ...)`` that is so, ``(N,)``; see :class:`.OtherClass`'s ``left``."""
        flat, real = (found.detach().cpu().flatten(1).float() for found in (images, self.images))
        nearest = self.labels.cpu()[torch.cdist(flat, real).argmin(1)]
        return ~torch.isin(nearest, torch.tensor(sorted(self.forgotten))).to(images.device)
