"""A start in closed form: what of the substitution can be had without a single gradient step."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget import LatentRegions
from ignite_unlearn.gan import GAN
from ignite_unlearn.substitution import Substitution


class Start(Protocol):
    """What is done to the GAN once, before the first unlearning step."""

    def __call__(self, gan: GAN, teacher: GAN, regions: LatentRegions, substitution: Substitution) -> None:
        """Changes weights of ``gan``, the same on every process.

        Args:
            gan: the GAN as it is when the phase begins.
            teacher: the frozen original GAN.
            regions: where forgotten and retained images are made.
            substitution: which image a forgotten latent is given.
        """


class NearestEmbedding:
    """The label embedding of each forgotten class becomes that of the class whose images come nearest to substitutes.

    For :class:`.OtherClass` the forgotten labels then give their substitutes exactly, and no other label has changed.
    Alone it hides the class behind its label: the weights still hold it, so unlearning steps must follow.

    Args:
        samples: how many latents the images are compared at.

    Raises:
        UnlearningError: when called for a GAN without an ``nn.Embedding`` of its labels, or with one under spectral
            norm, or if ``samples`` is not positive.

    Example:
        >>> from torch import nn
        >>> class Generator(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.embed = nn.Embedding(3, 8)
        ...     def forward(self, z, y):
        ...         return z + self.embed(y)
        >>> from ignite_unlearn import ForgetClasses, OtherClass
        >>> gan = GAN(Generator(), nn.Linear(8, 1), latents=(8,), labels=3)
        >>> teacher = gan.teacher()
        >>> NearestEmbedding()(gan, teacher, ForgetClasses({2}).regions(teacher), OtherClass(target=0))
        >>> bool((gan.generator.embed.weight[2] == gan.generator.embed.weight[0]).all())
        True
    """

    def __init__(self, *, samples: int = 16):
        if samples < 1:
            raise UnlearningError(f"NearestEmbedding(samples={samples}) must be at least 1.")
        self.samples = samples

    def __call__(self, gan: GAN, teacher: GAN, regions: LatentRegions, substitution: Substitution) -> None:
        """Copies the embeddings; see :class:`Start`."""
        tables = label_embeddings(gan)
        if gan.labels is None or regions.retained_classes is None or not tables:
            raise UnlearningError(
                "NearestEmbedding needs a class request and a generator with an nn.Embedding of its labels: leave "
                "`start` out."
            )
        if any(parametrize.is_parametrized(table) for table in tables):
            raise UnlearningError(
                "NearestEmbedding cannot change one row of a label embedding under spectral norm, which scales all "
                "rows alike: leave `start` out."
            )
        latents = teacher.sample_latents(self.samples)
        for forgotten in sorted(set(range(gan.labels)) - set(regions.retained_classes)):
            wanted = substitution(teacher, latents, self._all(forgotten, teacher), regions)
            distances = torch.stack([self._distance(teacher, latents, k, wanted) for k in regions.retained_classes])
            nearest = regions.retained_classes[int(distances.argmin())]
            with torch.no_grad():
                for table in tables:
                    table.weight[forgotten] = table.weight[nearest]

    def _all(self, label: int, gan: GAN) -> Tensor:
        return torch.full((self.samples,), label, device=gan.device)

    def _distance(self, teacher: GAN, latents: Tensor, label: int, wanted: Tensor) -> Tensor:
        images = teacher.sample(self.samples, self._all(label, teacher), latents=latents)
        return (images - wanted).square().mean()


def label_embeddings(gan: GAN) -> list[nn.Embedding]:
    """Returns the generator's embeddings of class labels; none for an unconditional GAN."""
    tables = [module for module in gan.generator.modules() if isinstance(module, nn.Embedding)]
    return [table for table in tables if gan.labels is not None and table.num_embeddings == gan.labels]
