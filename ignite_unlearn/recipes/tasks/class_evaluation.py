"""The numbers of a GAN in a record, on the same latents for the original, the unlearned and the retrained one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.metrics.classes import ClassShare
from ignite_unlearn.metrics.downstream import downstream_accuracy
from ignite_unlearn.metrics.fid import FID
from ignite_unlearn.metrics.quality import image_quality
from ignite_unlearn.recipes.data.split import Split
from ignite_unlearn.recipes.tasks.instruments import Instruments

_EPOCHS = 6  # of the downstream classifier


class ClassEvaluation:
    """Judges conditional GANs on fixed latents.

    Args:
        instruments: the feature space and the classifier.
        split: the real data; the reference is its training images of retained classes.
        forgotten: the forgotten classes.
        samples: how many images of each retained class are made; of a forgotten class four times as many, since a
            share near zero needs them.
        seed: of the latents.
    """

    def __init__(self, instruments: Instruments, split: Split, forgotten: tuple[int, ...], *, samples: int, seed: int):
        self._instruments = instruments
        self._data = split.data
        self._forgotten = forgotten
        self._retained = tuple(k for k in range(split.data.classes) if k not in forgotten)
        self._samples = samples
        self._seed = seed
        self._real = instruments.extractor(split.retain[0])

    @property
    def made(self) -> int:
        """How many images the distances are measured on."""
        return self._samples * len(self._retained)

    def features(self, gan: GAN) -> np.ndarray:
        """Returns the features of the GAN's images of the retained classes."""
        return self._instruments.extractor(self._images(gan, self._retained, self._samples)[0])

    def memory(self, gan: GAN) -> dict[str, float]:
        """Returns the forgotten share, with its interval.

        Not the FID: a loop that goes on with a short moving average raises it, unlearning or not.
        """
        share = self._shown(gan)
        low, high = share.interval()
        return {"forgotten_share": share.compute(), "forgotten_share_low": low, "forgotten_share_high": high}

    def quick(self, gan: GAN) -> dict[str, float]:
        """Returns the forgotten share and the FID alone: what a stopping handler needs."""
        return {"forgotten_share": self.share(gan), "fid": FID.distance(self.features(gan), self._real)}

    def share(self, gan: GAN) -> float:
        """Returns the forgotten share alone."""
        return self._shown(gan).compute()

    def __call__(self, gan: GAN, retrained: np.ndarray | None = None) -> dict[str, Any]:
        """Returns all numbers of a GAN; ``retrained`` are the features of the retrained GAN's images, if any."""
        forgotten, accuracy = self._shown(gan), ClassShare(self._instruments.classifier)
        images, labels = self._images(gan, self._retained, self._samples)
        accuracy.update((images, labels))
        features = self._instruments.extractor(images)
        share, (low, high) = forgotten.compute(), forgotten.interval()
        return {
            **image_quality(features, self._real),
            "ret_fid": None if retrained is None else FID.distance(features, retrained),
            "forgotten_share": share,
            "forgotten_share_low": low,
            "forgotten_share_high": high,
            "retained_accuracy": accuracy.compute(),
            "retained_accuracy_by_class": {str(k): v for k, v in accuracy.by_class().items()},
            "downstream_accuracy": self._downstream(images, labels),
        }

    def _shown(self, gan: GAN) -> ClassShare:
        share = ClassShare(self._instruments.classifier)
        share.update(self._images(gan, self._forgotten, 4 * self._samples))
        return share

    def _downstream(self, images: Tensor, labels: Tensor) -> float:
        """Returns how well a classifier that learns from generated images does on unseen ones of retained classes."""
        data = self._data
        kept = torch.isin(data.unseen_labels, torch.tensor(self._retained, device=data.unseen_labels.device))
        return downstream_accuracy(
            (images, labels),
            (data.unseen[kept], data.unseen_labels[kept]),
            self._instruments.untrained,
            epochs=_EPOCHS,
            progress=False,
        )

    def _images(self, gan: GAN, classes: tuple[int, ...], n: int) -> tuple[Tensor, Tensor]:
        labels = torch.tensor(classes).repeat_interleave(n)
        with borrow(seed=self._seed):
            latents = gan.sample_latents(len(labels))
        return gan.sample(len(labels), labels, latents=latents), labels
