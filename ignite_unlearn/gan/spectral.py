"""Spectral norm (Miyato et al. 2018) in both of PyTorch's forms, as far as a layer's weight is moved in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.nn.utils.spectral_norm import SpectralNorm as _OldForm


@dataclass(frozen=True)
class SpectralNorm:
    """What a layer's weight is computed from: the original over its norm, which is ``u @ original @ v`` in eval mode.

    Attributes:
        original: the parameter, ``(O, ...)``.
        u: its left singular vector ``(O,)``, as far as it is known.
        v: its right one ``(I,)``.
    """

    original: nn.Parameter
    u: Tensor
    v: Tensor

    @property
    def sigma(self) -> float:
        """The norm."""
        with torch.no_grad():
            return float(self.u.float() @ self.original.float().flatten(1) @ self.v.float())


def spectral_norm_of(layer: nn.Module) -> SpectralNorm | None:
    """Returns the spectral norm of a linear layer or convolution; None where its weight has none, or others beside it.

    Example:
        >>> layer = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 2))
        >>> found = spectral_norm_of(layer.eval())
        >>> torch.allclose(found.original / found.sigma, layer.weight), spectral_norm_of(nn.Linear(3, 2))
        (True, None)
    """
    if parametrize.is_parametrized(layer, "weight"):
        chain: Any = layer.parametrizations.weight  # type: ignore[union-attr]
        norm = chain[0]
        if len(chain) == 1 and type(norm) is _SpectralNorm and norm.dim == 0 and hasattr(norm, "_u"):
            return SpectralNorm(chain.original, norm._u, norm._v)
        return None
    original, buffers = layer._parameters.get("weight_orig"), layer._buffers
    u, v = buffers.get("weight_u"), buffers.get("weight_v")
    if original is None or u is None or v is None or len(u) != len(original):
        return None
    return SpectralNorm(original, u, v)


def slope_of_norm(layer: nn.Module) -> Tensor | None:
    """Returns by how much the spectral norm grows with each number of a weight.

    A change at right angles to it leaves the norm as it is: in eval mode, which keeps its vectors, and in training to
    first order.

    Returns:
        Of the original weight's shape; None where it is not spectral norm alone that computes the weight.

    Example:
        >>> layer = nn.utils.parametrizations.spectral_norm(nn.ConvTranspose2d(3, 2, 4)).eval()
        >>> original = layer.parametrizations.weight.original
        >>> torch.allclose((slope_of_norm(layer) * original).sum() * layer.weight, original, atol=1e-5)
        True
    """
    if parametrize.is_parametrized(layer, "weight"):
        chain: Any = layer.parametrizations.weight  # type: ignore[union-attr]
        norm = chain[0]
        if len(chain) > 1 or type(norm) is not _SpectralNorm or not hasattr(norm, "_u"):
            return None
        return _slope(chain.original, norm._u, norm._v, norm.dim)
    hooks = layer._forward_pre_hooks.values()
    forms = [hook for hook in hooks if isinstance(hook, _OldForm) and hook.name == "weight"]
    old: Any = layer
    return _slope(old.weight_orig, old.weight_u, old.weight_v, forms[0].dim) if forms else None


def _slope(original: Tensor, u: Tensor, v: Tensor, dim: int) -> Tensor:
    return u.outer(v).view(original.movedim(dim, 0).shape).movedim(0, dim)
