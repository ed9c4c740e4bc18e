"""A linear probe: the direction in a feature space that tells two kinds of images apart best."""

from __future__ import annotations

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError


def fit_probe(members: Tensor, unseen: Tensor, *, ridge: float = 0.25) -> Tensor:
    """Returns the direction ``(F,)`` along which members lie high and unseen images low.

    Ridge regression on standardised features (linear classifier probes: Alain and Bengio 2017).

    Args:
        members: features of members ``(M, F)``.
        unseen: features of others ``(K, F)``.
        ridge: as a share of ``M + K``.

    Raises:
        UnlearningError: if one of the two kinds is missing.

    Example:
        >>> import torch
        >>> members, unseen = torch.tensor([[1.0, 5.0], [3.0, 4.0]]), torch.tensor([[-1.0, 4.0], [-3.0, 5.0]])
        >>> direction = fit_probe(members, unseen)
        >>> bool((members @ direction).min() > (unseen @ direction).max())
        True
    """
    if not len(members) or not len(unseen):
        raise UnlearningError(f"A probe needs images of either kind: got {len(members)} and {len(unseen)}.")
    x = torch.cat([members, unseen]).double()
    scale = x.std(0) + 1e-6
    x = (x - x.mean(0)) / scale
    y = torch.cat([torch.ones(len(members)), -torch.ones(len(unseen))]).to(x)
    if len(x) < x.shape[1]:  # the same solution, by way of the smaller of the two matrices
        gram = x @ x.T
        gram.diagonal().add_(ridge * len(x))
        weight = x.T @ torch.linalg.solve(gram, y)
    else:
        gram = x.T @ x
        gram.diagonal().add_(ridge * len(x))
        weight = torch.linalg.solve(gram, x.T @ y)
    return (weight / scale).to(members.dtype)
