"""What a net holds for each class label: rows of embeddings, and what one-hot labels are multiplied by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.layers import KINDS, TRANSPOSED, weight_of
from ignite_unlearn.gan.nets import uncompiled
from ignite_unlearn.gan.precision import full
from ignite_unlearn.gan.trained import trained_parameters

_LEAST = 16  # rows of the call that layers are found by: few would be alike by chance


@dataclass(frozen=True)
class LabelRows:
    """The part of a weight that belongs to labels, one row for each.

    Attributes:
        module: the embedding, or the layer that one-hot labels go into, alone or beside other inputs.
        rows: ``(labels, ...)``, a view: what is written into it is written into the weight.
        vectors: ``(labels + M, D)``, what the module gives for a label alone: a table's rows, M of them no label's and
            yet asked for, such as one for "no label"; a linear layer's rows and its bias. None: it is given more than a
            label, or gives a map.
        scaled: whether the net uses the weight divided by a norm of all of it, so that all rows change with one.
        trains: whether the loop trains it.
    """

    module: nn.Module
    rows: Tensor
    scaled: bool
    trains: bool
    vectors: Tensor | None = None

    @property
    def embedding(self) -> bool:
        """Whether labels are looked up; else they are one-hot."""
        return isinstance(self.module, nn.Embedding)


def generator_rows(gan: GAN, latents: Tensor) -> list[LabelRows]:
    """Returns what the generator holds for labels, found by what its layers are given when images are made.

    Args:
        gan: the GAN; of one without labels there is none.
        latents: ``(N, ...)``, of which images are made, over and over.

    Example:
        >>> def generate(net, latents, labels):
        ...     return latents + net(labels)
        >>> gan = GAN(nn.Embedding(3, 4), nn.Linear(4, 1), latents=(4,), labels=3, generate=generate)
        >>> [found] = generator_rows(gan, torch.zeros(2, 4))
        >>> found.rows.shape, found.embedding
        (torch.Size([3, 4]), True)
    """
    if gan.labels is None:
        return []
    labels = _labels(gan)
    rows = torch.arange(len(labels), device=gan.device) % len(latents)
    with _Calls(gan.generator) as calls, uncompiled(gan.generator):
        gan.sample(len(labels), labels, latents=latents[rows], batch_size=len(labels))
    return list(_found(gan.generator, calls, labels, gan.labels))


def label_embeddings(gan: GAN) -> list[LabelRows]:
    """Returns the tables in which the generator looks labels up; none for one without labels.

    Random streams stay as they are.

    Example:
        >>> def generate(net, latents, labels):
        ...     return latents + net(labels)
        >>> table = nn.Embedding(4, 2)  # of three labels, and one more row
        >>> [found] = label_embeddings(GAN(table, nn.Linear(2, 1), latents=(2,), labels=3, generate=generate))
        >>> found.module is table, found.rows.shape
        (True, torch.Size([3, 2]))
    """
    with borrow(gan.generator, seed=0):
        return [rows for rows in generator_rows(gan, gan.sample_latents(_LEAST)) if rows.embedding]


def discriminator_rows(gan: GAN, images: Tensor) -> list[LabelRows]:
    """Returns what the discriminator holds for labels, found by what its layers are given when images are scored.

    Args:
        gan: the GAN; of one without labels there is none.
        images: ``(N, ...)``, which are scored, over and over.
    """
    if gan.labels is None:
        return []
    labels = _labels(gan)
    rows = torch.arange(len(labels), device=gan.device) % len(images)
    with _Calls(gan.discriminator) as calls, uncompiled(gan.discriminator), torch.no_grad():
        gan.score(images[rows], labels)
    return list(_found(gan.discriminator, calls, labels, gan.labels))


@torch.no_grad()
def draw_anew(rows: LabelRows, labels: Sequence[int]) -> None:
    """Draws the rows of labels as the others lie, by mean and spread of each column.

    Of rows that nobody trained yet, these are nearly what they were drawn from.

    Args:
        rows: of all labels; changed.
        labels: whose rows are drawn; not those of all labels.

    Example:
        >>> table = nn.Embedding(5, 3)
        >>> kept = table.weight[:4].clone()
        >>> draw_anew(LabelRows(table, table.weight.data, scaled=False, trains=True), [4])
        >>> torch.equal(table.weight[:4], kept)
        True
    """
    kept = full(rows.rows[[label for label in range(len(rows.rows)) if label not in labels]])
    one = kept.std() if kept.numel() > 1 else kept.abs().mean()  # of a single row, that of its numbers
    spread = kept.std(0) if len(kept) > 1 else one.expand(kept.shape[1:])
    for label in labels:
        rows.rows[label] = kept.mean(0) + spread * torch.randn(kept.shape[1:]).to(kept)


class _Calls:
    """Keeps the first input of each layer that may hold rows of labels."""

    def __init__(self, net: nn.Module):
        self.inputs: dict[nn.Module, Tensor] = {}
        self._net = net

    def __enter__(self) -> _Calls:
        kinds = (nn.Embedding, *KINDS)
        self._handles = [
            module.register_forward_pre_hook(self._keep) for module in self._net.modules() if isinstance(module, kinds)
        ]
        return self

    def __exit__(self, *error: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _keep(self, module: nn.Module, args: tuple[object, ...]) -> None:
        if args and isinstance(args[0], Tensor):
            self.inputs.setdefault(module, args[0])


def _labels(gan: GAN) -> Tensor:
    assert gan.labels is not None
    return torch.arange(max(_LEAST, 2 * gan.labels), device=gan.device) % gan.labels


def _found(net: nn.Module, calls: _Calls, labels: Tensor, classes: int) -> Iterator[LabelRows]:
    trained = {id(p) for p in trained_parameters(net)}
    for module, given in calls.inputs.items():
        weight, scaled = weight_of(module)
        if weight is None or len(given) != len(labels):
            continue
        if isinstance(module, nn.Embedding):
            if given.numel() == len(labels) and torch.equal(given.reshape(-1), labels):
                yield LabelRows(
                    module, weight.data[:classes], scaled, id(weight) in trained, _asked_for(weight.data, classes)
                )
        elif getattr(module, "groups", 1) == 1:
            inputs = weight.data if isinstance(module, TRANSPOSED) else weight.data.transpose(0, 1)
            alone = isinstance(module, nn.Linear) and given.shape[1:] == (classes,)
            for at in _one_hot_columns(given, labels, classes):
                vectors = _given(module, torch.eye(classes).to(given)) if alone else None
                yield LabelRows(module, inputs[at : at + classes], scaled, id(weight) in trained, vectors)


def _asked_for(table: Tensor, labels: int) -> Tensor:
    # More rows than as many again as there are labels fill a table up: nobody asks for them.
    return table if len(table) <= 2 * labels else table[:labels]


@torch.no_grad()
def _given(module: nn.Module, labels: Tensor) -> Tensor:
    with borrow(module):
        return module(labels)


def _one_hot_columns(given: Tensor, labels: Tensor, classes: int) -> list[int]:
    if given.dim() < 2 or given.shape[1] < classes or not given.is_floating_point():
        return []
    hot = one_hot(labels, classes).to(given)
    places = range(given.shape[1] - classes + 1)
    flat = given.flatten(2) if given.dim() > 2 else given[:, :, None]
    return [at for at in places if bool((flat[:, at : at + classes] == hot[:, :, None]).all())]
