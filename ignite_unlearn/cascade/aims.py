"""What an unlearning step leads to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from ignite_unlearn.cascade.fake_labels.fake_label import FakeLabel
from ignite_unlearn.cascade.substitutions.substitution import Substitution
from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.handlers.rows import Rows
from ignite_unlearn.utils.answers import answer, rows_of
from ignite_unlearn.utils.asked import kind

FakeScores: TypeAlias = "Callable[[Tensor, GAN, GAN], Tensor]"
Images: TypeAlias = "tuple[Tensor, Tensor | None]"  # and their labels


@dataclass(frozen=True)
class Aims:
    """Fake labels of forgotten images, and substitutes of forgotten latents; a discriminator's step is given them.

    Attributes:
        fake_label: which score a forgotten image is to have.
        substitution: which image a forgotten latent is to have.
        regions: where the teacher makes forgotten and retained images.
        rows: what is unlearned on.
    """

    fake_label: FakeLabel
    substitution: Substitution
    regions: LatentRegions
    rows: Rows

    def __call__(self, scores: Tensor, gan: GAN, teacher: GAN) -> Tensor:
        """Returns the fake labels ``(N,)`` of forgotten images whose scores ``gan`` gave, ``(N,)``."""
        examples, n = self.rows.examples, len(scores)
        requests = self.rows.requests(n)
        if examples is not None and len(requests) != n:  # other images than those that the request holds
            requests = torch.zeros(n, dtype=torch.int64)
        given = (scores, gan, teacher, self.regions, requests.to(scores.device))
        targets: Tensor = answer("the fake label", kind("scores as a tensor (N,)", Tensor), self.fake_label, *given)
        return targets

    def substitutes(self, teacher: GAN, latents: Tensor, labels: Tensor | None) -> Tensor:
        """Returns the substitutes ``(N, ...)`` of forgotten latents."""
        given = (teacher, latents, labels, self.regions)
        images: Tensor = answer("the substitution", rows_of(len(latents)), self.substitution, *given)
        return images
