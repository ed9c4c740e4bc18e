"""The level of generated images."""

from __future__ import annotations

import torch
from torch import Tensor

from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.gan import GAN


class Generated:
    """The mean score of generated retained images: "this one is not real".

    Args:
        live: judge the present generator's images by the present discriminator; False: both as in the teacher.
        samples: how many images the mean is taken over.

    Example:
        >>> fake_label = Generated(live=True)
    """

    def __init__(self, *, live: bool = True, samples: int = 64):
        self.live = live
        self.samples = samples

    def __call__(self, scores: Tensor, gan: GAN, teacher: GAN, regions: LatentRegions, requests: Tensor) -> Tensor:
        """Returns the mean score of generated images; see :class:`FakeLabel`."""
        latents, labels = regions.retained(self.samples)
        source = gan if self.live else teacher
        level = _scores(source, source.sample(self.samples, labels, latents=latents), labels).mean()
        return level.to(scores.dtype).expand(len(scores))


def _scores(gan: GAN, images: Tensor, labels: Tensor | None) -> Tensor:
    # The caller has borrowed the live nets, so they are in eval mode here as the teacher's are.
    with torch.no_grad():
        return gan.score(images, labels)
