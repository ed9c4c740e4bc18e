"""The numbers of a GAN in a record of item unlearning: quality, and whether items can be told from unseen images."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ignite_unlearn.forget.inversion import Inversion
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.score_gradients import head_inputs
from ignite_unlearn.metrics.fid import FID
from ignite_unlearn.metrics.linear_probe import LinearProbe
from ignite_unlearn.metrics.membership import Attack, DiscriminatorScore, MembershipAUC, NearestSample, auc, bootstrap
from ignite_unlearn.metrics.quality import image_quality
from ignite_unlearn.recipes.data.split import Split
from ignite_unlearn.recipes.tasks.instruments import Instruments

_DRAWN = 6000  # images of the GAN among which the nearest is looked for
_Given: TypeAlias = tuple[Tensor, Tensor | None]  # images, and labels where the GAN takes them
_RETAINED = 2000  # retained images, at most, whose nearest is looked for


class ItemEvaluation:
    """Judges GANs on fixed latents, on the items, and on unseen images that no fake label looked at.

    Args:
        instruments: the feature space of the distances; None: only :meth:`memory` is asked for.
        split: the items, the retained images, and the unseen ones.
        samples: how many images are made.
        seed: of the latents.
    """

    def __init__(self, instruments: Instruments | None, split: Split, *, samples: int, seed: int):
        self._items, self._retained, self._unseen = (
            (images, split.given(labels)) for images, labels in (split.forget, split.retain, split.scoring)
        )
        self._samples, self._seed = samples, seed
        if instruments is not None:
            self._extractor = instruments.extractor
            self.real = instruments.extractor(self._retained[0])

    @property
    def made(self) -> int:
        """How many images the distances are measured on."""
        return self._samples

    def features(self, gan: GAN) -> np.ndarray:
        """Returns the features of the GAN's images."""
        return self._extractor(self._sample(gan, self._samples))

    def __call__(self, gan: GAN, retrained: np.ndarray | None = None) -> dict[str, Any]:
        """Returns all numbers of a GAN; ``retrained`` are the features of the retrained GAN's images, if any."""
        features = self.features(gan)
        with borrow(seed=self._seed):
            inverted = Inversion(candidates=2048, steps=50, progress=False)(gan, *self._items)
        return {
            **image_quality(features, self.real),
            "ret_fid": None if retrained is None else FID.distance(features, retrained),
            "reconstruction_error": float(inverted.errors.mean()),
            **self.memory(gan),
        }

    def memory(self, gan: GAN) -> dict[str, float]:
        """Returns whether the GAN knows the items: the numbers that may come back when it learns on."""
        return {**self.membership(gan), **self.nearness(gan), **self.probe(gan)}

    def membership(self, gan: GAN) -> dict[str, float]:
        """Returns the AUC of the discriminator's score on the items, with an interval, and on the retained images."""
        score = DiscriminatorScore(gan)
        items = self._attack(score, self._items, self._unseen)
        low, high = items.interval()
        return {
            "membership_auc": items.compute(),
            "membership_auc_low": low,
            "membership_auc_high": high,
            "retained_auc": self._attack(score, self._retained, self._unseen).compute(),
        }

    def nearness(self, gan: GAN) -> dict[str, float]:
        """Returns the AUC of the nearest of 6,000 samples, on the items, with an interval, and on retained images."""
        attack = NearestSample(self._sample(gan, _DRAWN))
        images = self._items[0], _some(self._retained[0], _RETAINED), self._unseen[0]
        items, retained, unseen = map(attack, images)
        low, high = bootstrap(items, unseen)
        return {
            "near_auc": auc(items, unseen),
            "near_auc_low": low,
            "near_auc_high": high,
            "retained_near_auc": auc(retained, unseen),
        }

    def probe(self, gan: GAN) -> dict[str, float]:
        """Returns the AUC of a linear probe of the discriminator's features, on the items and on retained images."""
        # Half of the images of either kind teach the probe, the other half tell how well it does; fake labels and
        # Gauss-Newton's own probes looked at none of these unseen images.
        (taught, kept), (compared, unseen) = _halves(self._retained), _halves(self._unseen)
        with borrow(gan.discriminator):
            probe = LinearProbe(
                partial(head_inputs, gan), taught[0], compared[0], labels=taught[1], unseen_labels=compared[1]
            )
            return {
                "probe_auc": self._attack(probe, self._items, unseen).compute(),
                "retained_probe_auc": self._attack(probe, kept, unseen).compute(),
            }

    def _sample(self, gan: GAN, n: int) -> Tensor:
        with borrow(seed=self._seed):
            latents = gan.sample_latents(n)
            return gan.sample(n, latents=latents)

    @staticmethod
    def _attack(attack: Attack, members: _Given, unseen: _Given) -> MembershipAUC:
        metric = MembershipAUC(attack)
        images = torch.cat([members[0], unseen[0]])
        labels = None if members[1] is None or unseen[1] is None else torch.cat([members[1], unseen[1]])
        metric.update((images, labels, torch.arange(len(images)) < len(members[0])))
        return metric


def _halves(images: _Given) -> tuple[_Given, _Given]:
    half = len(images[0]) // 2
    first, second = (
        tuple(None if part is None else part[rows] for part in images) for rows in (slice(half), slice(half, None))
    )
    return first, second  # type: ignore[return-value]


def _some(images: Tensor, most: int) -> Tensor:
    """Returns the images, or so many of them, evenly spread: a folder's are in the order of their classes."""
    if len(images) <= most:
        return images
    return images[torch.linspace(0, len(images) - 1, most).round().long().to(images.device)]
