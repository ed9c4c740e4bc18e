"""Logits of a discriminator that returns probabilities, with gradients also where it is sure of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn

from ignite_unlearn.gan.nets import uncompiled


@contextmanager
def logits_before_sigmoids(net: nn.Module, look: bool = True) -> Iterator[Callable[[Tensor], Tensor]]:
    """Gives what turns probabilities that ``net`` returns inside the body into logits.

    What goes into an ``nn.Sigmoid`` is the logit itself. Above a logit of 17 a probability in single precision is 1,
    and neither the logit nor a gradient can be had from it; so the module's input is kept. Probabilities that come from
    anywhere else are inverted (:func:`inverted`).

    Args:
        net: the discriminator.
        look: False: look for no sigmoids.

    Example:
        >>> net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Sigmoid())
        >>> _ = net[0].weight.data.fill_(40.0)
        >>> with logits_before_sigmoids(net) as logits:
        ...     probabilities = net(torch.ones(1, 1)).squeeze(1)
        >>> probabilities.item(), logits(probabilities).item()
        (1.0, 40.0)
    """
    kept: list[tuple[Tensor, Tensor]] = []
    handles = [
        module.register_forward_hook(lambda module, args, output: kept.append((args[0], output)))
        for module in (net.modules() if look else ())
        if isinstance(module, nn.Sigmoid)
    ]

    def logits(probabilities: Tensor) -> Tensor:
        for inputs, output in reversed(kept):
            # The same numbers in another shape: users squeeze and view what the last layer gives.
            same = output is probabilities or (probabilities._is_view() and probabilities._base is output)
            if same and output.numel() == probabilities.numel() and probabilities.is_contiguous():
                return inputs.contiguous().view(probabilities.shape)
        return inverted(probabilities)

    try:
        with uncompiled(net) if handles else nullcontext():
            yield logits
    finally:
        for handle in handles:
            handle.remove()


def inverted(probabilities: Tensor) -> Tensor:
    """Returns the logits of probabilities, finite also for 0 and 1, with gradients that no clamp cuts off.

    Example:
        >>> p = torch.tensor([0.0, 0.5, 1.0], requires_grad=True)
        >>> logits = inverted(p)
        >>> bool(logits.isfinite().all()), logits[1].item()
        (True, 0.0)
        >>> logits.sum().backward()
        >>> bool((p.grad > 0).all())
        True
    """
    p = probabilities if probabilities.dtype == torch.float64 else probabilities.float()
    eps = torch.finfo(p.dtype).eps
    # The value of a clamp with the gradient of none.
    inside = p + (p.detach().clamp(torch.finfo(p.dtype).tiny, 1 - eps / 2) - p.detach())
    return inside.log() - torch.log1p(-inside)
