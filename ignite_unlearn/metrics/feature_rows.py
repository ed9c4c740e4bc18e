"""Features as nets give them, as the array ``(N, F)`` that distances are computed from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ignite_unlearn.errors import UnlearningError


def feature_rows(features: Any, images: int | None = None) -> NDArray[np.floating]:
    """Returns features as an array ``(N, F)``, float32 or float64.

    Args:
        features: a tensor or array of any float type: ``(N, F)``; ``(N, F, 1, 1)``, as pooling leaves it; or
            ``(F,)`` of one image and ``(N,)`` of one feature, as ``squeeze()`` leaves them. A list, tuple or dict that
            holds one of these, and nothing else, stands for it.
        images: how many images they are of; None: ``N`` is taken as it is.

    Raises:
        UnlearningError: if the shape does not fit, or a number is not finite.

    Example:
        >>> feature_rows([torch.ones(3, 4, 1, 1).half()], 3).shape
        (3, 4)
    """
    while isinstance(features, (list, tuple, Mapping)):
        held = list(features.values()) if isinstance(features, Mapping) else list(features)
        if len(held) != 1:
            raise UnlearningError(
                f"The features are a {type(features).__name__} of {len(held)}: expected one tensor (N, F). Wrap the "
                "net in a function that returns the one that is meant."
            )
        features = held[0]
    if not isinstance(features, (Tensor, np.ndarray)):
        raise UnlearningError(f"The features are a {type(features).__name__}: expected a tensor or an array (N, F).")
    try:
        dense = np.ascontiguousarray(features) if isinstance(features, np.ndarray) else features.detach()
        rows = torch.as_tensor(dense).cpu()
    except (TypeError, ValueError, RuntimeError, NotImplementedError):  # of objects, without values
        rows = torch.zeros(0, dtype=torch.complex64)
    if rows.is_complex() or rows.layout is not torch.strided:
        raise UnlearningError(f"The features are {features.dtype}, or not dense: expected real numbers (N, F).")
    shape = tuple(rows.shape)
    if images is not None and len(shape) < 2 and images > 0 and rows.numel() % images == 0:
        rows = rows.reshape(images, -1)  # squeezed
    elif len(shape) > 2 and set(shape[2:]) == {1}:
        rows = rows.flatten(1)
    if rows.dim() != 2 or (images is not None and len(rows) != images):
        raise UnlearningError(
            f"The features of {'some' if images is None else images} images have shape {shape}: expected (N, F). Pool "
            "or flatten them in the net."
        )
    rows = rows if rows.dtype == torch.float64 else rows.float()
    bad = (~rows.isfinite()).any(1).nonzero().flatten()
    if len(bad):
        raise UnlearningError(
            f"The features of {len(bad)} of {len(rows)} images hold NaN or infinity (the first at position "
            f"{int(bad[0])}): look at what the generator makes, and at the extractor's precision."
        )
    return np.asarray(rows.numpy())


def feature_pair(features: Any, others: Any) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Returns two sets of features as arrays ``(N, F)`` and ``(M, F)``.

    Raises:
        UnlearningError: if a set does not fit :func:`feature_rows`, or the numbers of features differ.
    """
    a, b = feature_rows(features), feature_rows(others)
    if a.shape[1] != b.shape[1]:
        raise UnlearningError(f"{a.shape[1]} and {b.shape[1]} features are of different extractors.")
    return a, b
