"""Substitutions in W, the space behind the mapping network, where a mean is still the latent of an image."""

from __future__ import annotations

import torch
from torch import Tensor

from ignite_unlearn import GAN, UnlearningError
from ignite_unlearn.forget import LatentRegions
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn_stylegan.attributes import require_attributes
from ignite_unlearn_stylegan.nets import synthesize, to_w


class MeanW:
    """The image of a mean of retained intermediate latents: ``MeanImage`` in W, which stays nearer to real images.

    For a class of a conditional GAN the mean is over the same latent under all retained classes, so that each latent
    keeps an image of its own; else it is over ``samples`` retained latents, one image for all. It is not ``w_avg``,
    which is a mean over the forgotten latents too.

    Args:
        samples: how many retained latents are averaged where it is not a class of a conditional GAN.

    Example:
        >>> substitution = MeanW()
    """

    def __init__(self, samples: int = 256):
        self.samples = samples

    def __call__(self, teacher: GAN, latents: Tensor, labels: Tensor | None, regions: LatentRegions) -> Tensor:
        """Returns mean images for ``latents``; see :class:`.Substitution`."""
        n, classes = len(latents), regions.retained_classes
        with borrow(teacher.generator), torch.no_grad():
            if labels is not None and classes is not None:
                k = len(classes)
                each = torch.tensor(classes, device=latents.device).repeat(n)
                mean = to_w(teacher.generator, latents.repeat_interleave(k, 0), each).unflatten(0, (n, k)).mean(1)
            else:
                ws = to_w(teacher.generator, *regions.retained(self.samples))
                mean = ws.mean(0).expand(n, *ws.shape[1:])
            return synthesize(teacher.generator, mean)


class TruncationW:
    """The truncated latent's image, by the generator's own ``w_avg`` and truncation.

    ``w_avg`` is one for all classes, the forgotten ones included: the smaller ``psi``, the less of a class is left.

    Args:
        psi: how much of the way from ``w_avg`` is kept, in [0, 1]; 1 changes nothing, 0 gives the image of ``w_avg``.
        cutoff: how many of the ``num_ws`` layers are truncated, from the coarsest on; None: all.

    Raises:
        UnlearningError: if ``psi`` is outside [0, 1]; when called, if the generator keeps no ``w_avg``.

    Example:
        >>> substitution = TruncationW(psi=0.3)
    """

    def __init__(self, psi: float = 0.5, *, cutoff: int | None = None):
        if not 0 <= psi <= 1:
            raise UnlearningError(f"TruncationW(psi={psi}) must be in [0, 1]: 1 keeps the latent, 0 gives w_avg.")
        self.psi = psi
        self.cutoff = cutoff

    def __call__(self, teacher: GAN, latents: Tensor, labels: Tensor | None, regions: LatentRegions) -> Tensor:
        """Returns the teacher's images of truncated latents; see :class:`.Substitution`."""
        require_attributes("mapping network", teacher.generator.mapping, "w_avg")
        with borrow(teacher.generator), torch.no_grad():
            options = {"truncation_psi": self.psi, "truncation_cutoff": self.cutoff}
            return synthesize(teacher.generator, to_w(teacher.generator, latents, labels, **options))
