"""The level of generated images."""

from __future__ import annotations

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.gan import GAN


class Generated:
    """The mean score of generated retained images: "this one is not real".

    Args:
        quantile: in place of the mean this quantile of the scores, such as 0.1: "less real than most"; None: the mean.
        live: judge the present generator's images by the present discriminator; False: both as in the teacher.
        samples: how many images the mean is taken over.

    Raises:
        UnlearningError: if the quantile is none.

    Example:
        >>> fake_label = Generated(live=True)
    """

    def __init__(self, *, quantile: float | None = None, live: bool = True, samples: int = 64):
        if quantile is not None and not 0 <= quantile <= 1:
            raise UnlearningError(f"Generated(quantile={quantile}) must lie in [0, 1].")
        self.quantile = quantile
        self.live = live
        self.samples = samples

    def __call__(self, scores: Tensor, gan: GAN, teacher: GAN, regions: LatentRegions, requests: Tensor) -> Tensor:
        """Returns the mean score of generated images; see :class:`FakeLabel`."""
        latents, labels = regions.retained(self.samples)
        source = gan if self.live else teacher
        found = _scores(source, source.sample(self.samples, labels, latents=latents), labels)
        level = found.mean() if self.quantile is None else found.float().quantile(self.quantile)
        return level.to(scores.dtype).expand(len(scores))


def _scores(gan: GAN, images: Tensor, labels: Tensor | None) -> Tensor:
    # The caller has borrowed the live nets, so they are in eval mode here as the teacher's are.
    with torch.no_grad():
        return gan.score(images, labels)
