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
    """What a layer's weight is computed from: the original over its norm, which is ``u @ matrix @ v`` in eval mode.

    Attributes:
        original: the parameter, ``(O, ...)``.
        u: the left singular vector of the original as a matrix, as far as it is known.
        v: its right one.
        dim: of the original, which is the matrix's first.
    """

    original: nn.Parameter
    u: Tensor
    v: Tensor
    dim: int

    @property
    def sigma(self) -> float:
        """The norm."""
        with torch.no_grad():
            return float(self.u.float() @ self.original.float().movedim(self.dim, 0).flatten(1) @ self.v.float())

    @property
    def slope(self) -> Tensor:
        """By how much the norm grows with each number of the original, of its shape.

        A change at right angles to it leaves the norm as it is in eval mode, which keeps ``u`` and ``v``.
        """
        shape = self.original.movedim(self.dim, 0).shape
        return self.u.outer(self.v).view(shape).movedim(0, self.dim)


def spectral_norm_of(layer: nn.Module) -> SpectralNorm | None:
    """Returns the spectral norm of a layer's weight; None where its weight has none, or others beside it.

    Example:
        >>> layer = nn.utils.parametrizations.spectral_norm(nn.ConvTranspose2d(3, 2, 4))
        >>> found = spectral_norm_of(layer.eval())
        >>> torch.allclose(found.original / found.sigma, layer.weight), spectral_norm_of(nn.Linear(3, 2))
        (True, None)
        >>> bool((found.slope * found.original).sum().isclose(torch.tensor(found.sigma)))
        True
    """
    if parametrize.is_parametrized(layer, "weight"):
        chain: Any = layer.parametrizations.weight  # type: ignore[union-attr]
        norm = chain[0]
        if len(chain) == 1 and type(norm) is _SpectralNorm and hasattr(norm, "_u"):
            return SpectralNorm(chain.original, norm._u, norm._v, norm.dim)
        return None
    original, buffers = layer._parameters.get("weight_orig"), layer._buffers
    u, v = buffers.get("weight_u"), buffers.get("weight_v")
    hooks = layer._forward_pre_hooks.values()
    dims = [hook.dim for hook in hooks if isinstance(hook, _OldForm) and hook.name == "weight"]
    if original is None or u is None or v is None or not dims:
        return None
    return SpectralNorm(original, u, v, dims[0])
