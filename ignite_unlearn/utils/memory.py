"""How many images are made at once, and how a lack of memory is told from other errors."""

from __future__ import annotations

import torch
from torch import Tensor

FEW = 16  # images that are made at once however large they are
_MOST, _BYTES = 256, 3 << 20
_SAID = ("out of memory", "can't allocate memory", "not enough memory")  # by CUDA, MPS and the CPU's allocator


def out_of_memory(error: BaseException) -> bool:
    """Returns whether an error says that a device, or the machine, has no memory left.

    Example:
        >>> out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ..."))
        True
        >>> out_of_memory(RuntimeError("shapes cannot be multiplied")), out_of_memory(MemoryError())
        (False, True)
    """
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error).lower() for said in _SAID)


def images_at_once(images: Tensor) -> int:
    """Returns how many images like these are made in a call: of large ones fewer, for layers hold much of each.

    Args:
        images: some of them ``(N, ...)``, N at least 1.

    Example:
        >>> [images_at_once(torch.zeros(2, 3, size, size)) for size in (32, 64, 256)]
        [256, 64, 16]
    """
    return max(FEW, min(_MOST, _BYTES * len(images) // max(1, images.nbytes)))
