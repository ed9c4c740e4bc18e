"""The layer of torchgan that every pass changes, and that keeps its state where nobody looks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torchgan.layers import SpectralNorm2d


@contextmanager
def untouched(net: nn.Module) -> Iterator[None]:
    """Keeps a net's ``SpectralNorm2d`` layers as they are while the body passes images through them.

    Every pass takes a step of their power iteration, in eval mode too, and its vectors are no buffers but parameters:
    ``ignite_unlearn.gan.borrow``, which keeps buffers, leaves them to this.

    Args:
        net: any net.

    Example:
        >>> import torch
        >>> layer = SpectralNorm2d(nn.Conv2d(1, 2, 3))
        >>> before = layer.u.clone()
        >>> with untouched(layer):
        ...     images = layer(torch.zeros(1, 1, 4, 4))
        >>> torch.equal(layer.u, before)
        True
    """
    layers = [module for module in net.modules() if isinstance(module, SpectralNorm2d)]
    vectors = [(layer, name, layer._parameters[name]) for layer in layers for name in ("u", "v")]
    try:
        for layer, name, vector in vectors:
            # Other parameters, not old values put back into these: the backward pass needs what the pass has used.
            layer._parameters[name] = nn.Parameter(vector.detach().clone(), requires_grad=False)
        yield
    finally:
        for layer, name, vector in vectors:
            layer._parameters[name] = vector
