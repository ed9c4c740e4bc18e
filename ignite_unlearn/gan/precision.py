"""Nets of half precision: inside of them all is as they have it, outside of them all is at least float32.

Distances, ranks, decompositions and losses lose their meaning in eight bits, and half of them do not exist for half
precision. So :class:`~ignite_unlearn.GAN` casts what it gives to a net to the dtype of the net's weights, and what the
net returns to float32. Nobody else needs to know of what precision a net is.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

HALF = (torch.bfloat16, torch.float16)
_SCALES = (2.0**14, 2.0**7, 1.0)  # of a loss whose gradients are float16, the largest that overflows nowhere


def full(tensor: Tensor) -> Tensor:
    """Returns a tensor of half precision as float32, any other as it is.

    Example:
        >>> full(torch.ones(1, dtype=torch.bfloat16)).dtype, full(torch.ones(1, dtype=torch.float64)).dtype
        (torch.float32, torch.float64)
    """
    return tensor.float() if tensor.dtype in HALF else tensor


def as_weights(given: Tensor, net: nn.Module) -> Tensor:
    """Returns what a net is given in the dtype of its first weight; whole numbers as they are.

    Args:
        given: latents or images ``(N, ...)``.
        net: the net that is called with them.

    Example:
        >>> as_weights(torch.ones(1), nn.Linear(1, 1).bfloat16()).dtype
        torch.bfloat16
    """
    if not isinstance(given, Tensor) or not given.is_floating_point():  # somebody's own latents may be anything
        return given
    weight = next((p for p in net.parameters() if p.is_floating_point()), None)
    if weight is None or not {weight.dtype, given.dtype} & {*HALF}:
        return given
    return given.to(weight.dtype)


def gradients_of(loss: Tensor, parameters: Sequence[nn.Parameter]) -> list[Tensor | None]:
    """Returns the gradients of a loss, of at least float32; None for parameters that it does not depend on.

    ``autograd.grad``, not ``backward``: it touches no ``.grad`` and fires no hook of DistributedDataParallel. Where
    weights are float16 the loss is scaled meanwhile, for small gradients would be zero (Micikevicius et al. 2018).

    Args:
        loss: a number.
        parameters: that it is differentiated by.

    Example:
        >>> net = nn.Linear(1, 1, bias=False).bfloat16()
        >>> gradients_of(full(net(torch.ones(1, 1).bfloat16())).sum(), list(net.parameters()))
        [tensor([[1.]])]
    """
    if not any(p.dtype == torch.float16 for p in parameters):
        found = torch.autograd.grad(loss, parameters, allow_unused=True)
        return [None if g is None else full(g) for g in found]
    scaled: list[Tensor | None] = []
    for scale in _SCALES:
        found = torch.autograd.grad(loss * scale, parameters, allow_unused=True, retain_graph=scale > 1)
        scaled = [None if g is None else full(g) / scale for g in found]
        if all(g is None or bool(g.isfinite().all()) for g in scaled):
            break
    return scaled
