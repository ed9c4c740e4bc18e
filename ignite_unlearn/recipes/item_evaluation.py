"""The numbers of a GAN in a record of item unlearning: quality, and whether items can be told from unseen images."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ignite_unlearn.borrow import borrow
from ignite_unlearn.gan import GAN
from ignite_unlearn.inversion import Inversion
from ignite_unlearn.metrics.distances import FID, KID
from ignite_unlearn.metrics.membership import Attack, DiscriminatorScore, MembershipAUC
from ignite_unlearn.metrics.probe import LinearProbe
from ignite_unlearn.recipes.judges import Judges
from ignite_unlearn.recipes.request import Request


class ItemEvaluation:
    """Judges GANs on fixed latents, on the items, and on unseen images that no fake label looked at.

    Args:
        request: the run.
        judges: the feature space of the distances.
        seed: of the latents.
    """

    def __init__(self, request: Request, judges: Judges, *, seed: int = 12345):
        data, forgotten = request.data, request.forgotten
        self._extractor = judges.extractor
        self._samples = request.options["samples"]
        self._items, self._retained = data.images[forgotten], data.images[~forgotten]
        self._unseen, _ = request.scoring
        self._real = judges.extractor(self._retained)
        self._seed = seed

    def features(self, gan: GAN) -> np.ndarray:
        """Returns the features of the GAN's images."""
        with borrow(seed=self._seed):
            latents = gan.sample_latents(self._samples)
        return self._extractor(gan.sample(self._samples, latents=latents))

    def __call__(self, gan: GAN, retrained: np.ndarray | None = None) -> dict[str, Any]:
        """Returns all numbers of a GAN; ``retrained`` are the features of the retrained GAN's images, if any."""
        features = self.features(gan)
        with borrow(seed=self._seed):
            inverted = Inversion(candidates=2048, steps=50, progress=False)(gan, self._items)
        return {
            "fid": FID.distance(features, self._real),
            "kid": KID.distance(features, self._real),
            "ret_fid": None if retrained is None else FID.distance(features, retrained),
            "reconstruction_error": float(inverted.errors.mean()),
            **self.membership(gan),
        }

    def membership(self, gan: GAN) -> dict[str, Any]:
        """Returns the AUC of attacks on the items, with an interval, and on the retained images."""
        score = DiscriminatorScore(gan)
        items, low, high = self._attack(score, self._items, self._unseen)
        retained, *_ = self._attack(score, self._retained, self._unseen)
        # Half of the images of either kind teach the probe, the other half tell how well it does; fake labels and
        # Gauss-Newton's own probes looked at none of these unseen images.
        half, unseen = len(self._retained) // 2, len(self._unseen) // 2
        with borrow(gan.discriminator):
            probe = LinearProbe(gan.discriminator.features, self._retained[:half], self._unseen[:unseen])  # type: ignore
            probed, *_ = self._attack(probe, self._items, self._unseen[unseen:])
            probed_retained, *_ = self._attack(probe, self._retained[half:], self._unseen[unseen:])
        return {
            "membership_auc": items,
            "membership_auc_low": low,
            "membership_auc_high": high,
            "retained_auc": retained,
            "probe_auc": probed,
            "retained_probe_auc": probed_retained,
        }

    @staticmethod
    def _attack(attack: Attack, members: Tensor, unseen: Tensor) -> tuple[float, float, float]:
        metric = MembershipAUC(attack)
        images = torch.cat([members, unseen])
        metric.update((images, None, torch.arange(len(images)) < len(members)))
        return metric.compute(), *metric.interval()
