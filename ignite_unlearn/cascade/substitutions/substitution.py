"""Substitution mechanism: which image of the teacher a forgotten latent is given instead of its own.

Pushing a generator *away* from forgotten images tears its latent space; giving every forgotten latent an image that the
original generator makes elsewhere keeps the neighbourhood on the image manifold (the idea is from the abstract of Sun
et al. 2023, arXiv 2308.09881; the choices below are ours).
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.gan import GAN


class Substitution(Protocol):
    """Chooses substitute images."""

    def __call__(self, teacher: GAN, latents: Tensor, labels: Tensor | None, regions: LatentRegions) -> Tensor:
        """Returns one substitute image for every forgotten latent.

        Args:
            teacher: the frozen original GAN.
            latents: forgotten latents, shape ``(N, ...)``.
            labels: their class labels ``(N,)``; None for an unconditional GAN.
            regions: where forgotten and retained images are made.

        Returns:
            Substitute images, shape ``(N, C, H, W)``, in the generator's value range.
        """
