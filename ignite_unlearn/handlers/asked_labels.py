"""Which labels a loop's own step asks the generator for: those of a forgotten class would teach it the class again."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class AskedLabels:
    """Counts the forgotten labels that a generator is given, by a hook that only looks.

    The hook is there between ``begin`` and ``end`` alone, so that pictures drawn elsewhere are not counted. A copy of
    the net counts nothing, unless it is a replica of ``DataParallel``; code that is being compiled does not see the
    hook. On CUDA nothing waits for the device.

    Args:
        net: the generator, as the loop calls it.
        classes: the forgotten classes.
        labels: how many classes the GAN has.

    Example:
        >>> class Generator(nn.Module):
        ...     def forward(self, z, y):
        ...         return z
        >>> net = Generator()
        >>> asked = AskedLabels(net, (2,), labels=3)
        >>> asked.begin()
        >>> _ = net(torch.zeros(4, 8), torch.tensor([0, 2, 2, 1]))
        >>> asked.end()
        >>> _ = net(torch.zeros(1, 8), torch.tensor([2]))
        >>> asked.count()
        2
    """

    def __init__(self, net: nn.Module, classes: tuple[int, ...], labels: int):
        self._net = net
        self._classes = classes
        self._labels = labels
        self._before = 0
        self._totals: dict[torch.device, Tensor] = {}  # replicas of a net on several devices are called at once
        self._handle: Any = None

    def begin(self) -> None:
        """Begins to look."""
        self.end()
        self._handle = self._net.register_forward_pre_hook(_Hook(self), with_kwargs=True)

    def end(self) -> None:
        """Takes the hook off; safe to call twice."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    def count(self) -> int:
        """Returns how many forgotten labels were asked for."""
        return self._before + sum(int(total) for total in self._totals.values())

    def set(self, total: int) -> None:
        """Goes on from a count."""
        self._before, self._totals = total, {}

    def look(self, net: nn.Module, inputs: tuple[Any, ...]) -> None:
        """Counts the forgotten ones among the labels that a call is given."""
        if net is not self._net and not getattr(net, "_is_replica", False):  # as DataParallel makes them
            return
        tensors = [value for value in inputs if isinstance(value, Tensor) and value.dim() and len(value)]
        with torch.no_grad():
            given = next((value.reshape(-1) for value in tensors if _is_label(value)), None)
            if given is not None:
                self._add(given)
                return
            for value in tensors:
                if value.dim() == 2 and value.shape[1] == self._labels:
                    # One row of zeros and a one for each image, else these are no labels but perhaps latents.
                    ones = value == 1
                    hot = (ones | (value == 0)).all(1) & (ones.sum(1) == 1)
                    self._add(torch.where(hot, ones.int().argmax(1), -1))

    def _add(self, labels: Tensor) -> None:
        forgotten = torch.tensor(self._classes, device=labels.device)
        found = (labels[:, None] == forgotten).sum()
        self._totals[labels.device] = self._totals.get(labels.device, torch.zeros_like(found)) + found


def _is_label(value: Tensor) -> bool:
    whole = not value.is_floating_point() and not value.is_complex() and value.dtype != torch.bool
    return whole and value.numel() == len(value)


class _Hook:
    """Only looks; a copy of it, or a saved one, does nothing, since a copied net is another net."""

    def __init__(self, asked: AskedLabels | None = None):
        self._asked = asked

    def __call__(self, net: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._asked is not None and not torch.compiler.is_compiling():
            self._asked.look(net, (*args, *kwargs.values()))

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return _Hook, ()
