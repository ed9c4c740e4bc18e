"""Directions of a table of labels that forgotten labels alone use, and what layers do along them."""

from __future__ import annotations

import torch
from torch import Tensor

from ignite_unlearn.gan.layers import Reader
from ignite_unlearn.gan.precision import full

_NONE = 1e-3  # of a row's length: less is no direction of its own
_ALIKE = 1e-5  # of the longest of rows' directions: less is rounding


def own_parts(rows: Tensor, forgotten: list[int], retained: tuple[int, ...]) -> Tensor:
    """Returns the parts of the forgotten rows ``(K, D)`` that no combination of the retained rows has.

    Example:
        >>> own_parts(torch.tensor([[2.0, 0.0], [1.0, 3.0]]), [1], (0,))
        tensor([[0., 3.]])
    """
    rows = full(rows)
    asked, spanned = rows[forgotten], _spanned(rows[list(retained)])
    parts = asked - asked @ spanned.T @ spanned
    parts[parts.norm(dim=1) < _NONE * asked.norm(dim=1)] = 0  # as many classes as dimensions
    return parts


def own_directions(rows: Tensor, forgotten: list[int], retained: tuple[int, ...]) -> Tensor:
    """Returns these parts' orthonormal directions, ``(k, D)``, fewer than rows where they are none."""
    _, lengths, directions = torch.linalg.svd(own_parts(rows, forgotten, retained), full_matrices=False)
    return directions[lengths > _NONE * lengths.max().clamp_min(1e-12)]


def redraw(reader: Reader, directions: Tensor, rows: Tensor) -> None:
    """Draws anew what a layer does along directions of its input, as large as along those that no row uses.

    Training leaves these nearly as they began, so that they tell how the layer begins.

    Args:
        reader: of the table; is changed.
        directions: ``(k, D)``, orthonormal.
        rows: of the table ``(K, D)``.

    Example:
        >>> layer = torch.nn.Linear(3, 2)
        >>> before = layer.weight.data.clone()
        >>> reader = Reader(layer.weight, layer.weight.data, None)
        >>> redraw(reader, torch.tensor([[0.0, 0.0, 1.0]]), torch.randn(4, 3))
        >>> (layer.weight == before).all(0).tolist()
        [True, True, False]
    """
    with torch.no_grad():
        read, used = full(reader.part), _spanned(full(rows))
        unused = read - read @ used.T @ used
        left = rows.shape[1] - len(used)
        outputs = read.numel() // read.shape[-1]
        scale = (unused.square().sum() / (outputs * left)).sqrt() if left else read.square().mean().sqrt()
        drawn = scale * torch.randn(*read.shape[:-1], len(directions)).to(read)
        reader.change(drawn - read @ directions.T, directions)


def _spanned(rows: Tensor) -> Tensor:
    """Returns orthonormal directions that span the rows, ``(k, D)``; fewer than rows where some are alike."""
    _, lengths, directions = torch.linalg.svd(rows, full_matrices=False)
    return directions[lengths > _ALIKE * lengths.max().clamp_min(1e-12)]
