"""Copies of nets' weights: the last good state, and loading states of other nets with a clear refusal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ignite_unlearn.errors import UnlearningDivergedError, UnlearningError


class KeptWeights:
    """A copy of the parameters and buffers of some nets that can be renewed and put back in place.

    Example:
        >>> import torch
        >>> net = torch.nn.Linear(1, 1, bias=False)
        >>> kept = KeptWeights(net)
        >>> value = net.weight.item()
        >>> _ = net.weight.data.fill_(float("nan"))
        >>> kept.restore()
        >>> net.weight.item() == value
        True
    """

    def __init__(self, *nets: nn.Module):
        self._nets = nets
        self._kept = [t.clone() for t in self._live()]
        buffers = {t.data_ptr() for net in nets for t in net.buffers()}
        self._infinite = [t.data_ptr() in buffers and is_infinite(t) for t in self._live()]

    def renew(self) -> None:
        """Copies the present weights.

        Raises:
            UnlearningDivergedError: if they are not finite; the nets then hold the last copy again.
        """
        if not self.live_are_finite:
            self.restore()
            raise UnlearningDivergedError(
                "The loop's own step left weights that are not finite: the last good weights are back. Check the "
                "loop's losses, and use a smaller learning rate in the phase."
            )
        live = self._live()
        if [t.shape for t in live] != [t.shape for t in self._kept]:  # a buffer that grows, such as a queue
            self._kept = [t.clone() for t in live]
        # One fused call: this runs in every iteration.
        torch._foreach_copy_(self._kept, live)

    @property
    def live_are_finite(self) -> bool:
        """Whether the present weights are; a buffer that was infinite from the first, such as a mask, is left out."""
        return are_finite(t for t, meant in zip(self._live(), self._infinite, strict=False) if not meant)

    def restore(self) -> None:
        """Puts the copied weights back into the nets."""
        torch._foreach_copy_(self._live(), self._kept)

    def state_dict(self) -> dict[str, list[Tensor]]:
        """Returns the copy: tensors in the order of the nets' parameters and buffers."""
        return {"kept": [t.clone() for t in self._kept]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads a copy.

        Raises:
            UnlearningError: if it is of other nets; nothing is loaded then.
        """
        kept, live = state["kept"], self._live()
        if [t.shape for t in kept] != [t.shape for t in live]:
            raise UnlearningError("The weights that were kept are of other nets: load the state of these nets.")
        self._kept = [new.to(t, copy=True) for new, t in zip(kept, live, strict=True)]

    def _live(self) -> list[Tensor]:
        # Looked up each time: some nets lay new tensors in their buffers' place, or assign to .data.
        return [t.data for net in self._nets for t in (*net.parameters(), *net.buffers())]


def is_infinite(buffer: Tensor) -> bool:
    """Returns whether numbers of a buffer are infinite and none is NaN, as in a mask of attention.

    Example:
        >>> is_infinite(torch.tensor([0.0, float("-inf")])), is_infinite(torch.tensor([float("nan"), float("inf")]))
        (True, False)
    """
    return buffer.is_floating_point() and bool(buffer.isinf().any()) and not bool(buffer.isnan().any())


def are_finite(tensors: Iterable[Tensor]) -> bool:
    """Returns whether all numbers of tensors are finite.

    Example:
        >>> are_finite([torch.ones(2), torch.arange(3)]), are_finite([torch.tensor([1.0, float("nan")])])
        (True, False)
    """
    real = [t for t in tensors if t.is_floating_point() and t.numel()]
    # The largest magnitude of each tensor in one fused call; NaN and infinity both show in it.
    largest = torch._foreach_norm(real, float("inf")) if real else [torch.zeros(1)]
    return bool(torch.stack([value.double().cpu() for value in largest]).isfinite().all())


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    """Returns whether two nets of the same form have the same parameters, as far as the other's dtype can tell."""
    return all(torch.equal(a.to(b.dtype), b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def load_weights(net: nn.Module, state: Mapping[str, Any], what: str) -> None:
    """Loads a state dict into a net.

    Raises:
        UnlearningError: as :func:`refuse_weights`; nothing is loaded then.
    """
    refuse_weights(net, state, what)
    net.load_state_dict(dict(state))


def refuse_weights(net: nn.Module, state: Mapping[str, Any], what: str) -> None:
    """Refuses a state dict that is none of a net's.

    Raises:
        UnlearningError: if it is of another net, or holds other kinds of numbers, such as whole or complex ones for
            real ones.
    """
    own = net.state_dict()
    missing, extra = own.keys() - state.keys(), state.keys() - own.keys()
    both = {k: (own[k], state[k]) for k in own if k in state and isinstance(own[k], Tensor)}
    shapes = [k for k, (mine, new) in both.items() if getattr(new, "shape", None) != mine.shape]
    kinds = [k for k, (mine, new) in both.items() if k not in shapes and _kind(mine) != _kind(new)]
    for problem, keys in (
        ("lacks", missing),
        ("has an unknown", extra),
        ("has another shape for", shapes),
        ("has another kind of numbers for", kinds),
    ):
        if keys:
            raise UnlearningError(
                f"The checkpoint is of another {what}: it {problem} {sorted(keys)[0]!r} ({len(keys)} such "
                f"entries). Load the checkpoint of these nets, or build the nets that it was saved from."
            )


def _kind(tensor: Tensor) -> str:
    return "complex" if tensor.is_complex() else "real" if tensor.is_floating_point() else "whole"
