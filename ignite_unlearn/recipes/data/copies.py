"""Copies among images: found by their pixels, so that what is forgotten is not kept, or called unseen, in a copy."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ignite_unlearn.recipes.data.image_data import ImageData

_TOLD = 10


def first_alike(images: Tensor) -> Tensor:
    """Returns for each image the position of the first that equals it in every pixel, int64 ``(N,)``.

    Example:
        >>> first_alike(torch.tensor([[1.0], [2.0], [1.0]])).tolist()
        [0, 1, 0]
    """
    seen: dict[bytes, int] = {}
    pixels = images.detach().cpu()
    found = [seen.setdefault(_digest(image), i) for i, image in enumerate(pixels)]
    return torch.tensor(found, dtype=torch.int64)


def with_copies(mask: Tensor, images: Tensor) -> Tensor:
    """Returns a mask ``(N,)`` of the images chosen by ``mask``, and of all copies of theirs."""
    alike = first_alike(images).to(mask.device)
    return torch.isin(alike, alike[mask])


def distinct_unseen(data: ImageData, unseen_files: Sequence[Path] = ()) -> ImageData:
    """Returns the data without unseen images that are copies of training images, and a note that says which."""
    alike = first_alike(torch.cat([data.images, data.unseen]))[len(data.images) :]
    copied = alike < len(data.images)
    if not copied.any():
        return data
    rows = copied.nonzero().flatten().tolist()
    named = [str(unseen_files[i]) if unseen_files else f"number {i}" for i in rows]
    note = (
        f"{len(rows)} of {len(data.unseen)} unseen images are copies of training images and are left out of the unseen "
        f"set: {told(named)}"
    )
    kept = ~copied
    return replace(data, unseen=data.unseen[kept], unseen_labels=data.unseen_labels[kept], notes=(*data.notes, note))


def told(names: Sequence[str]) -> str:
    """Returns names in one line, the first of many."""
    return ", ".join(names[:_TOLD]) + (f", and {len(names) - _TOLD} more" if len(names) > _TOLD else "")


def _digest(image: Tensor) -> bytes:
    return hashlib.blake2b(image.contiguous().numpy().tobytes(), digest_size=16).digest()
