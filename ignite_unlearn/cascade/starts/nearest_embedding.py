"""The label's row replaced by that of its substitute class, and its own direction erased."""

from __future__ import annotations

import torch
from torch import Tensor

from ignite_unlearn.cascade.starts.own_directions import own_directions, own_parts
from ignite_unlearn.cascade.substitutions.substitution import Substitution
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.label_rows import LabelRows, label_embeddings
from ignite_unlearn.gan.layers import readers
from ignite_unlearn.gan.noise import same_noise
from ignite_unlearn.gan.precision import full
from ignite_unlearn.utils.asked import COUNT, asks, number


class NearestEmbedding:
    """The label embedding of a forgotten class becomes that of the class whose images come nearest to substitutes.

    For :class:`.OtherClass` the forgotten labels then give their substitutes exactly. That alone would hide the class
    behind its label; so the direction in which its embedding differed from all retained ones is erased from the layers
    that read the embedding (:func:`.readers` says which). No retained label has a part in that direction, so none
    changes. In the erased direction the new embedding differs from its model, without any effect as yet: a class that
    could be told from another only by layers they share would be learned anew more slowly than one that was never seen.
    Where something is left in that direction, as under spectral norm, the new embedding is a copy of its model.

    Args:
        own: length of the new embedding's part in the erased direction, as a multiple of the old one's; 1.5 was chosen
            by how fast a retrained GAN learns the class (see docs/design.md).
        samples: how many latents images are compared at.

    Raises:
        UnlearningError: when called for a GAN without an ``nn.Embedding`` of its labels, or with one under spectral
            norm, or if ``samples`` is not positive.

    Example:
        >>> from torch import nn
        >>> class Generator(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.embed, self.linear = nn.Embedding(3, 8), nn.Linear(16, 4)
        ...     def forward(self, z, y):
        ...         return self.linear(torch.cat([z, self.embed(y)], 1))
        >>> from ignite_unlearn import ForgetClasses
        >>> from ignite_unlearn.cascade.substitutions.other_class import OtherClass
        >>> gan = GAN(Generator(), nn.Linear(4, 1), latents=(8,), labels=3)
        >>> teacher = gan.teacher()
        >>> NearestEmbedding()(gan, teacher, ForgetClasses({2}).regions(teacher), OtherClass(target=0))
        >>> z = torch.randn(5, 8)
        >>> like = [gan.sample(5, torch.full((5,), label), latents=z) for label in (0, 2)]
        >>> torch.allclose(*like, atol=1e-5)
        True
    """

    @asks(own=number(), samples=COUNT)
    def __init__(self, *, own: float = 1.5, samples: int = 16):
        if samples < 1:
            raise UnlearningError(f"NearestEmbedding(samples={samples}) must be at least 1.")
        self.own = own
        self.samples = samples

    def __call__(self, gan: GAN, teacher: GAN, regions: LatentRegions, substitution: Substitution) -> None:
        """Changes the embeddings and the layers that read them; see :class:`Start`."""
        tables, retained = label_embeddings(gan), regions.retained_classes
        if gan.labels is None or retained is None or not tables:
            raise UnlearningError(
                "NearestEmbedding needs a class request and a generator with an nn.Embedding of its labels: leave "
                "`start` out."
            )
        if any(table.scaled for table in tables):
            raise UnlearningError(
                "NearestEmbedding cannot change one row of a label embedding under spectral norm, which scales all "
                "rows alike: leave `start` out."
            )
        if not all(table.trains for table in tables):
            raise UnlearningError(
                "NearestEmbedding changes the label embedding, but the loop does not train it: leave `start` out, or "
                "give what trains, GAN(..., trained=...)."
            )
        latents = teacher.sample_latents(self.samples)
        labels = torch.zeros(len(latents), dtype=torch.int64, device=teacher.device)
        with same_noise(gan, teacher, latents, labels):
            self._change(gan, teacher, latents, tables, retained, substitution, regions)

    def _change(
        self,
        gan: GAN,
        teacher: GAN,
        latents: Tensor,
        tables: list[LabelRows],
        retained: tuple[int, ...],
        substitution: Substitution,
        regions: LatentRegions,
    ) -> None:
        assert gan.labels is not None
        forgotten = sorted(set(range(gan.labels)) - set(retained))
        nearest = [self._nearest(teacher, latents, label, retained, substitution, regions) for label in forgotten]
        with torch.no_grad():
            own_parts = [self._erase(gan, table, latents, forgotten, retained) for table in tables]
            for table, parts in zip(tables, own_parts, strict=True):
                table.rows[forgotten] = (table.rows[nearest] + self.own * parts).to(table.rows)
            # Where something else reads the embedding, the own part is not without effect: then go without it.
            near = max(1e-3, 2 * torch.finfo(tables[0].rows.dtype).eps)  # what rounding leaves of the erased part
            for label, model in zip(forgotten, nearest, strict=True):
                if not torch.allclose(self._images(gan, latents, label), self._images(gan, latents, model), atol=near):
                    for table in tables:
                        table.rows[label] = table.rows[model]

    def _nearest(
        self,
        teacher: GAN,
        latents: Tensor,
        label: int,
        retained: tuple[int, ...],
        substitution: Substitution,
        regions: LatentRegions,
    ) -> int:
        wanted = substitution(teacher, latents, torch.full((len(latents),), label, device=teacher.device), regions)
        apart = [(self._images(teacher, latents, k) - wanted).square().mean() for k in retained]
        return retained[int(torch.stack(apart).argmin())]

    def _images(self, gan: GAN, latents: Tensor, label: int) -> Tensor:
        return gan.sample(len(latents), torch.full((len(latents),), label, device=gan.device), latents=latents)

    def _erase(
        self, gan: GAN, table: LabelRows, latents: Tensor, forgotten: list[int], retained: tuple[int, ...]
    ) -> Tensor:
        """Erases the forgotten rows' own directions from the table's readers, and returns the rows' own parts."""
        assert table.vectors is not None, "of an embedding"
        used = (*retained, *range(len(table.rows), len(table.vectors)))
        directions = own_directions(table.vectors, forgotten, used)
        for reader in readers(gan, table.module, latents):
            reader.change(-full(reader.part) @ directions.T, directions)
        return own_parts(table.vectors, forgotten, used)
