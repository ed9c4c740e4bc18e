"""Audit: do the weights show by an exact zero what was erased?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ignite_unlearn.audits.result import AuditResult, verdict
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.label_rows import label_embeddings
from ignite_unlearn.gan.layers import readers
from ignite_unlearn.utils.asked import asks, number

_ABOUT = 3  # the interval is what is counted at a third and at three times the threshold
_FLOOR = 1e-8  # of the largest singular value: below it nothing is told from rounding
_LATENTS = 8
_ROWS = 4096


@asks(drop=number())
@dataclass(frozen=True, eq=False, repr=False)
class NullDirections:
    """How many directions the nets' weights map to all but zero, and how many rows of label embeddings are copies.

    A closed-form erasure leaves such a direction, an epoch of learning after it does not fill it, and one look at the
    singular values finds it. That zeros tell what was erased: arXiv 2603.06640. Training from noise leaves none: in the
    trained GANs of ``mnist-class`` and ``digits-class`` no singular value is below half of the one before it; of an
    erasure the last is a hundredth of it and less.

    Each weight with two dimensions or more, of either net, is looked at as a matrix, a kernel by its output and by its
    input channels; so is what each layer of the generator that reads the labels' embeddings makes of them. Singular
    values after a first fall by ``drop`` count, and a matrix of zeros counts whole. Of a square matrix, whose last
    singular value is often small by chance (Edelman 1988), the fall must be by the square of ``drop``. An embedding
    with more rows than columns has no direction left over: there rows that are copies of others count, up to 4,096
    rows; in a single column, where some are near each other by chance, by the square of ``drop``. The interval is what
    is counted at a third of ``drop`` and at three times it.

    What both GANs have, such as a layer that began at zero and was never used, tells them not apart. A direction that a
    matrix is too wide to hold is not seen, and neither is one that was redrawn: this looks for a mark, and that there
    is none does not prove that anything was forgotten.

    Args:
        drop: from one singular value to the next, or from the median distance of rows to that of copies.

    Raises:
        UnlearningError: if ``drop`` is not above 0 and below 1/3.

    Example:
        >>> gan = GAN(nn.Linear(4, 9), nn.Sequential(nn.Flatten(), nn.Linear(9, 1)), latents=(4,))
        >>> NullDirections()(gan).value
        0.0
        >>> erased = torch.nn.functional.normalize(torch.ones(4), dim=0)
        >>> gan.generator.weight.data -= gan.generator.weight.data @ erased.outer(erased)
        >>> NullDirections()(gan).details["where"]
        {'generator.weight': 1}
    """

    drop: float = 0.03
    key: ClassVar[str] = "null_directions"
    title: ClassVar[str] = "null directions of weights"

    def __post_init__(self) -> None:
        if not 0 < self.drop < 1 / _ABOUT:
            raise UnlearningError(f"NullDirections(drop={self.drop}): expected more than 0 and less than 1/3.")

    def __call__(self, gan: GAN, *, retrained: AuditResult | None = None) -> AuditResult:
        """Looks at the weights of a GAN.

        Raises:
            UnlearningError: if a weight is not finite.
        """
        counts: dict[str, list[int]] = {}
        for name, matrix, is_table in _matrices(gan):
            if not bool(matrix.isfinite().all()):
                raise UnlearningError(f"{name} is not finite: there is nothing to be told from it.")
            count = _copies if is_table and len(matrix) > matrix.shape[1] else _nulls
            found = [count(matrix, drop) for drop in (self.drop / _ABOUT, self.drop, self.drop * _ABOUT)]
            counts[name] = list(map(max, found, counts.get(name, (0, 0, 0))))
        low, value, high = (float(sum(count[i] for count in counts.values())) for i in range(3))
        details = {"where": {name: count[1] for name, count in counts.items() if count[1]}}
        return verdict(
            self,
            "null directions",
            value,
            low,
            high,
            retrained,
            more="the weights show by exact zeros or copies that something was erased",
            less="directions that no training filled are filled",
            details=details,
        )


def _matrices(gan: GAN) -> Iterator[tuple[str, Tensor, bool]]:
    """Yields matrices with their names, and whether they hold a row for each label or the like."""
    for what, net in (("generator", gan.generator), ("discriminator", gan.discriminator)):
        tables = {id(module.weight) for module in net.modules() if isinstance(module, nn.Embedding)}
        for name, parameter in net.named_parameters():
            weight = parameter.detach().double()
            if weight.dim() >= 2 and weight.numel():
                yield f"{what}.{name}", weight.flatten(1), id(parameter) in tables
            if weight.dim() > 2 and weight.numel():
                yield f"{what}.{name}", weight.transpose(0, 1).flatten(1), False
    for name, made in _made_of_labels(gan):
        yield name, made.double(), True


def _made_of_labels(gan: GAN) -> list[tuple[str, Tensor]]:
    """Returns what each layer that reads labels' embeddings makes of each of them, ``(labels, outputs)``."""
    names = {id(p): name for name, p in gan.generator.named_parameters()}
    with borrow(gan.generator, seed=0), torch.no_grad():
        return [
            (f"generator.{names[id(reader.weight)]} of each label", table.rows @ reader.part.flatten(0, -2).T)
            for table in label_embeddings(gan)
            for reader in readers(gan, table.module, gan.sample_latents(_LATENTS))
        ]


def _nulls(matrix: Tensor, drop: float) -> int:
    """Returns how many of a matrix's directions are all but zero."""
    # By the smaller Gram matrix, in double precision: fast, and a zero is still told from 1e-7 of the largest value.
    gram = matrix @ matrix.T if len(matrix) < matrix.shape[1] else matrix.T @ matrix
    values = torch.linalg.eigvalsh(gram).clamp_min(0).sqrt().flip(0)
    if not values[0]:
        return len(values)
    drop = drop**2 if len(matrix) == matrix.shape[1] else drop
    values = values.clamp_min(_FLOOR * float(values[0]))
    falls = (values[1:] < drop * values[:-1]).nonzero()
    return len(values) - 1 - int(falls[0]) if len(falls) else 0


def _copies(table: Tensor, drop: float) -> int:
    """Returns how many rows are all but equal to one before them; of a vocabulary, too long to compare, none."""
    if len(table) > _ROWS:
        return 0
    apart = torch.cdist(table, table, compute_mode="donot_use_mm_for_euclid_dist")
    before = torch.ones_like(apart).tril(-1).bool()
    drop = drop**2 if table.shape[1] == 1 else drop
    return int(((apart <= drop * apart[before].median()) & before).any(1).sum())
