"""The level of generated images."""

from __future__ import annotations

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.utils.asked import BOOL, COUNT, asks, number


class Generated:
    """The mean score of generated retained images: "this one is not real".

    Args:
        below: how far below the mean, in standard deviations of the scores, or in logits where a standard deviation is
            less than one: "less real than most".
        live: judge the present generator's images by the present discriminator; False: both as in the teacher.
        samples: how many images the mean is taken over.

    Raises:
        UnlearningError: if ``below`` is negative.

    Example:
        >>> fake_label = Generated(live=True)
    """

    @asks(below=number(), live=BOOL, samples=COUNT)
    def __init__(self, *, below: float = 0.0, live: bool = True, samples: int = 64):
        if below < 0:
            raise UnlearningError(f"Generated(below={below}) must not be negative.")
        if below and samples < 2:
            raise UnlearningError(f"Generated(below={below}, samples={samples}): a spread takes two samples at least.")
        self.below = below
        self.live = live
        self.samples = samples

    def __call__(self, scores: Tensor, gan: GAN, teacher: GAN, regions: LatentRegions, requests: Tensor) -> Tensor:
        """Returns the mean score of generated images; see :class:`FakeLabel`."""
        latents, labels = regions.retained(self.samples)
        source = gan if self.live else teacher
        found = _scores(source, source.sample(self.samples, labels, latents=latents), labels)
        level = found.mean()
        if self.below:
            spread = found.std()
            # Of a discriminator that has no more to tell apart the scores hardly spread.
            level = level - self.below * (spread if gan.scores == "critic" else spread.clamp_min(1.0))
        return level.to(scores.dtype).expand(len(scores))


def _scores(gan: GAN, images: Tensor, labels: Tensor | None) -> Tensor:
    # The caller has borrowed the live nets, so they are in eval mode here as the teacher's are.
    with torch.no_grad():
        return gan.score(images, labels)
