"""Feature extractors: what an FID is measured with, always named beside the number."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor, nn

from ignite_unlearn.borrow import borrow


class FeatureExtractor:
    """Turns images into features, and says what it is.

    Args:
        model: images ``(N, C, H, W)`` to features ``(N, F)``.
        name: what it is called in records, such as ``"digits-cnn-64"``.
        batch_size: images at once.

    Example:
        >>> import torch
        >>> extractor = FeatureExtractor(torch.nn.Flatten(), "pixels")
        >>> extractor(torch.zeros(3, 1, 2, 2)).shape
        (3, 4)
    """

    def __init__(self, model: nn.Module, name: str, *, batch_size: int = 512):
        self.model = model
        self.name = name
        self.batch_size = batch_size

    def __call__(self, images: Tensor) -> np.ndarray:
        """Returns the features of ``images``, shape ``(N, F)``."""
        from cleanfid.fid import get_batch_features

        device = next((p.device for p in self.model.parameters()), images.device)
        with borrow(self.model):
            return np.concatenate(
                [get_batch_features(part, self.model, device) for part in images.split(self.batch_size)]
            )

    @property
    def sha256(self) -> str:
        """The hash of the model's parameters and buffers."""
        return tensors_sha256(*self.model.state_dict().values())


def tensors_sha256(*tensors: Tensor) -> str:
    """Returns the SHA-256 of tensors' types, shapes and values."""
    digest = hashlib.sha256()
    for tensor in tensors:
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{values.dtype}{tuple(values.shape)}".encode())
        digest.update(values.flatten().view(torch.uint8).numpy().tobytes() if values.numel() else b"")
    return digest.hexdigest()
