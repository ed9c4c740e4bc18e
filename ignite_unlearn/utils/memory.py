"""How a lack of memory is told from other errors."""

from __future__ import annotations

import torch

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
