"""Fake labels: the score that the discriminator is to give a forgotten image.

The specification is what a retrained discriminator does: a forgotten item becomes an *unseen* image, and a forgotten
class lies between unseen and generated images. (That the discriminator needs such a label is from the abstract of Sun
et al. 2023, arXiv 2308.09881; the choices below are ours.)
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.gan import GAN


class FakeLabel(Protocol):
    """Says which scores the discriminator is to give."""

    def __call__(self, scores: Tensor, gan: GAN, teacher: GAN, regions: LatentRegions, requests: Tensor) -> Tensor:
        """Returns the target score of every forgotten image.

        Args:
            scores: the present scores of the forgotten images of all processes, shape ``(N,)``, without gradients; N
                may be 0.
            gan: the GAN as it is now.
            teacher: the frozen original GAN.
            regions: where forgotten and retained images are made.
            requests: which request each image came with, int64 ``(N,)``: 0 for all but what was added later,
                ``ForgetItems.add``. Each request is to be forgotten by itself, not only all of them together.

        Returns:
            Target scores of shape ``(N,)``, as logits or critic values.
        """
