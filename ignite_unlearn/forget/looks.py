"""Looks at a dataset's items: do they change from one to the next, and do they have mirror images?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ignite_unlearn.gan.borrow import borrow

_LOOKS = 512  # in all; a flip goes unnoticed once in 2**256 times
_EACH = 2, 256  # of an item, at least and at most


def changes(image: Callable[[int], Tensor], indices: Sequence[int]) -> bool:
    """Returns whether an image changes from one look to the next, as under random augmentation.

    The global random number streams are left as they were.

    Args:
        image: gives the image at an index.
        indices: of the images, at least one.

    Example:
        >>> changes(lambda i: torch.full((1, 2, 2), float(i)), [3]), changes(lambda i: torch.rand(1, 2, 2), [3])
        (False, True)
    """
    looks = min(max(_LOOKS // len(indices), _EACH[0]), _EACH[1])
    with borrow():
        for i in indices:
            first = image(i)
            for _ in range(looks - 1):
                if not torch.equal(first, image(i)):
                    return True
    return False


def with_mirrored(image: Callable[[int], Tensor], items: int, indices: Sequence[int]) -> list[int]:
    """Returns indices, and those of the same images mirrored left to right half the dataset away.

    Args:
        image: gives the image at an index.
        items: how many there are.
        indices: the indices.

    Example:
        >>> images = torch.rand(3, 1, 2, 2)
        >>> doubled = torch.cat([images, images.flip(3)])
        >>> with_mirrored(lambda i: doubled[i], 6, [1]), with_mirrored(lambda i: images[i % 3], 6, [1])
        ([1, 4], [1])
    """
    if items % 2:
        return sorted(set(indices))
    half = items // 2
    with borrow():
        pairs = [(i, (i + half) % items) for i in indices]
        return sorted(set(indices) | {j for i, j in pairs if torch.equal(image(i).flip(-1), image(j))})
