"""The numbers of an unconditional GAN in a record of class unlearning, on the same latents for all three GANs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.metrics.classes import PUL
from ignite_unlearn.metrics.fid import FID
from ignite_unlearn.metrics.intervals import wilson
from ignite_unlearn.metrics.quality import image_quality
from ignite_unlearn.recipes.data.split import Split
from ignite_unlearn.recipes.tasks.instruments import Instruments


class FoundEvaluation:
    """Judges GANs by how many of their images show a forgotten class, and by the distances of all of them.

    Of the original GAN alone, images that show a forgotten class are left out of the distances: they are what it was
    meant to make. An unlearned or a retrained GAN is not spared.

    Args:
        instruments: the feature space and the classifier.
        split: the real data; the reference is its training images of retained classes.
        forgotten: the forgotten classes.
        original: the original GAN.
        samples: how many images are made.
        seed: of the latents.

    Raises:
        UnlearningError: if the original GAN never shows a forgotten class.
    """

    def __init__(
        self,
        instruments: Instruments,
        split: Split,
        forgotten: tuple[int, ...],
        original: GAN,
        *,
        samples: int,
        seed: int,
    ):
        self._instruments, self._forgotten, self._original = instruments, forgotten, original
        self._samples, self._seed = samples, seed
        self._real = instruments.extractor(split.retain[0])
        shown = PUL(instruments.classifier, forgotten)
        shown.update(self._images(original))
        self._original_share = shown.share()

    @property
    def made(self) -> int:
        """How many images the distances are measured on."""
        return self._samples

    def features(self, gan: GAN) -> np.ndarray:
        """Returns the features of the GAN's images."""
        return self._instruments.extractor(self._images(gan))

    def memory(self, gan: GAN) -> dict[str, float]:
        """Returns PUL and the forgotten share, with their intervals."""
        return {**self._shown(self._images(gan))}

    def share(self, gan: GAN) -> float:
        """Returns the forgotten share alone."""
        return self._shown(self._images(gan))["forgotten_share"]

    def quick(self, gan: GAN) -> dict[str, float]:
        """Returns the forgotten share and the FID alone: what a stopping handler needs."""
        images = self._images(gan)
        return {
            "forgotten_share": self._shown(images)["forgotten_share"],
            "fid": FID.distance(self._instruments.extractor(self._spared(gan, images)), self._real),
        }

    def __call__(self, gan: GAN, retrained: np.ndarray | None = None) -> dict[str, Any]:
        """Returns all numbers of a GAN; ``retrained`` are the features of the retrained GAN's images, if any."""
        images = self._images(gan)
        features = self._instruments.extractor(self._spared(gan, images))
        return {
            **image_quality(features, self._real),
            "ret_fid": None if retrained is None else FID.distance(features, retrained),
            **self._shown(images),
        }

    def _shown(self, images: Tensor) -> Mapping[str, float]:
        """Returns PUL, and the forgotten share: how many images show a forgotten class, the original's many being 1."""
        pul = PUL(self._instruments.classifier, self._forgotten, original_share=self._original_share)
        pul.update(images)
        low, high = (bound / self._original_share for bound in wilson(round(pul.share() * len(images)), len(images)))
        return {
            "forgotten_share": pul.share() / self._original_share,
            "forgotten_share_low": low,
            "forgotten_share_high": high,
            "pul": pul.compute(),
            "pul_low": 100 * (1 - high),
            "pul_high": 100 * (1 - low),
        }

    def _spared(self, gan: GAN, images: Tensor) -> Tensor:
        if gan is not self._original:
            return images
        found = torch.cat([self._instruments.classifier(part).argmax(1) for part in images.split(512)])
        return images[~torch.isin(found, torch.tensor(self._forgotten, device=found.device))]

    def _images(self, gan: GAN) -> Tensor:
        with borrow(seed=self._seed):
            latents = gan.sample_latents(self._samples)
        return gan.sample(self._samples, latents=latents)
