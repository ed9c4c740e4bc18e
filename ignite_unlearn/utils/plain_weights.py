"""What torch saved, loaded without running code, and without a tensor that is more than its file holds."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError

_SMALL = 2**28  # bytes that a tensor may have without having them in its file, as one that was expanded does


def load_plain(file: BinaryIO) -> Any:
    """Returns the tensors and plain values of a file that ``torch.save`` wrote, on the CPU.

    Tensors are those that a state dict has: dense, with their values in the file. A few bytes can stand for a tensor
    without end, by strides of zero or by packing, and such a file is refused.

    Args:
        file: opened for reading, at its beginning.

    Raises:
        UnlearningError: if it holds other tensors, or is packed; the sentence goes on from the file's name.
        Exception: whatever torch raises of a file that is damaged, or of one that holds anything else.
    """
    if zipfile.is_zipfile(file):
        file.seek(0)
        with zipfile.ZipFile(file) as archive:
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise UnlearningError("is packed, as torch.save() packs none: save it with torch.save().")
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pickle protocols, and of tensors that are refused here
        content = torch.load(file, map_location="cpu", weights_only=True)
    for tensor in _tensors(content):
        if not _is_plain(tensor):
            raise UnlearningError(
                f"holds a tensor that no state dict has ({tensor.layout}, on {tensor.device}, {tensor.numel():,} "
                "values): save the nets' state_dict()."
            )
    return content


def _is_plain(tensor: Tensor) -> bool:
    # On the meta device too a tensor has no values.
    dense = tensor.layout is torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
    return dense and tensor.numel() * tensor.element_size() <= max(_SMALL, tensor.untyped_storage().nbytes())


def _tensors(content: Any) -> Iterator[Tensor]:
    waiting, seen = [content], set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (dict, list, tuple, set)) and id(value) not in seen:
            seen.add(id(value))  # what is pickled may hold itself
            waiting += [*value.keys(), *value.values()] if isinstance(value, dict) else list(value)
