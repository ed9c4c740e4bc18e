"""A batch as the dataset of a StyleGAN checkout makes it: images in uint8, and one-hot labels ``c``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ignite_unlearn import UnlearningError
from ignite_unlearn.gan.fields import describe


def images_of(batch: Any) -> Tensor:
    """Returns the images ``(N, C, H, W)`` of a batch in [-1, 1]; floating-point ones are taken to be there already.

    Args:
        batch: ``(images, c)``, a tuple or a list.

    Raises:
        UnlearningError: if it is not.

    Example:
        >>> images_of([torch.tensor([[[[0, 255]]]], dtype=torch.uint8), torch.zeros(1, 0)]).flatten().tolist()
        [-1.0, 1.0]
    """
    images, _ = parts(batch)
    return images.float() / 127.5 - 1 if images.dtype == torch.uint8 else images


def put_images(batch: Any, images: Tensor) -> Any:
    """Returns a copy of a batch with other images, given in [-1, 1]; uint8 stays uint8."""
    if parts(batch)[0].dtype == torch.uint8:
        images = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return type(batch)([images, *batch[1:]])


def labels_of(batch: Any) -> Tensor:
    """Returns the classes ``(N,)``, int64, of a batch with one-hot labels ``c`` ``(N, c_dim)``.

    Raises:
        UnlearningError: if ``c`` is not one-hot.

    Example:
        >>> batch = (torch.zeros(2, 1, 4, 4), torch.eye(3)[[2, 0]])
        >>> labels_of(batch).tolist(), put_labels(batch, torch.tensor([1, 0]))[1].tolist()
        ([2, 0], [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    """
    _, c = parts(batch)
    if c.dim() != 2 or not bool((((c == 0) | (c == 1)).all(1) & (c.sum(1) == 1)).all()):
        raise UnlearningError(
            "The batch's labels c are not one-hot, so classes cannot be told: expected (N, c_dim) with a single 1 in "
            f"each row, found {describe(c)}. For others say how, gan(..., label=(get, put))."
        )
    return c.argmax(1)


def put_labels(batch: Any, labels: Tensor) -> Any:
    """Returns a copy of a batch with other labels, given as classes ``(N,)``."""
    images, c = parts(batch)
    return type(batch)([images, one_hot(labels.long(), c.shape[1]).to(c), *batch[2:]])


def parts(batch: Any) -> tuple[Tensor, Tensor]:
    """Returns images and ``c`` as the batch holds them.

    Raises:
        UnlearningError: if the batch is none of a StyleGAN's.
    """
    found = batch[:2] if isinstance(batch, (tuple, list)) else ()
    if len(found) != 2 or not all(isinstance(part, Tensor) for part in found) or len(found[0]) != len(found[1]):
        raise UnlearningError(
            "The batch is expected to be (images, c), with c of shape (N, 0) where there are no labels: found "
            f"{describe(batch)}."
        )
    return found[0], found[1]
