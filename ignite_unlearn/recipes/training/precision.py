"""In which precision the stock recipes train: plain, or mixed by autocast (Micikevicius et al. 2018)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Precision:
    """How losses are computed and descended.

    Args:
        name: ``"float32"``, ``"bfloat16"`` or ``"float16"``; the latter with scaled losses, on CUDA alone.
        device: where the nets are.

    Raises:
        UnlearningError: if it is ``"float16"`` on a CPU.
    """

    def __init__(self, name: str, device: torch.device):
        if name == "float16" and device.type != "cuda":
            raise UnlearningError("--set precision=float16 needs a CUDA device: use bfloat16 or float32.")
        self._dtype, self._device = PRECISIONS[name], device
        self._scaler = torch.amp.GradScaler(device.type, enabled=name == "float16")

    def autocast(self) -> torch.autocast:
        """Returns the context for everything that a loss is computed by."""
        return torch.autocast(self._device.type, self._dtype, enabled=self._dtype is not None)

    def descend(self, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        """Takes an optimiser's step down a loss."""
        optimizer.zero_grad()
        self._scaler.scale(loss).backward()
        self._scaler.step(optimizer)
        self._scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """Returns the state of the loss scale; empty where losses are not scaled."""
        return self._scaler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Loads the state of the loss scale."""
        if state:
            self._scaler.load_state_dict(state)
