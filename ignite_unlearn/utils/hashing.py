"""Hashes of tensors."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor


def tensors_sha256(*tensors: Tensor) -> str:
    """Returns the SHA-256 of tensors' types, shapes and values."""
    digest = hashlib.sha256()
    for tensor in tensors:
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{values.dtype}{tuple(values.shape)}".encode())
        digest.update(values.flatten().view(torch.uint8).numpy().tobytes() if values.numel() else b"")
    return digest.hexdigest()
