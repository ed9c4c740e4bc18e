"""Which images of a batch a MONAI trainer learns from: those that its ``prepare_batch`` hands on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from monai.data import MetaTensor
from monai.utils import convert_to_dst_type
from torch import Tensor

from ignite_unlearn import UnlearningError
from ignite_unlearn.gan import BatchForm
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.fields import Key, describe


class Reading:
    """Finds, at the first batch, the images that the trainer's step reads, and puts others in their place.

    A batch may hold several images. The step gets what ``prepare_batch(batch, device, non_blocking)`` returns, the
    images first, so the batch's tensor that comes out again is the one. ``MetaTensor`` stays ``MetaTensor``.

    Args:
        prepare_batch: the trainer's.

    Example:
        >>> from monai.engines import default_prepare_batch
        >>> batch = {"image": torch.zeros(2, 1, 4, 4, 4), "reals": torch.ones(2, 1, 8, 8, 8)}
        >>> reading = Reading(default_prepare_batch)
        >>> reading.get(batch).shape
        torch.Size([2, 1, 8, 8, 8])
        >>> reading.put(batch, torch.zeros(2, 1, 8, 8, 8))["reals"].sum().item()
        0.0
    """

    def __init__(self, prepare_batch: Callable[..., Any]):
        self._prepare_batch = prepare_batch
        self._forms: list[BatchForm] = []  # one for each place of the images

    def get(self, batch: Any) -> Tensor:
        """Returns the images of ``batch``, shape ``(N, C, ...)``, without MONAI's metadata.

        Raises:
            UnlearningError: if the trainer cannot read the batch, or hands on what is not in it.
        """
        if not self._forms:
            self._forms = [BatchForm(path) for path in self._places(batch)]
        images = self._forms[0].images(batch)
        return images.as_tensor() if isinstance(images, MetaTensor) else images

    def put(self, batch: Any, images: Tensor) -> Any:
        """Returns a copy of ``batch`` with other images ``(N, C, ...)``; see :meth:`get`."""
        self.get(batch)  # finds the places
        for form in self._forms:
            batch = form.replace(batch, convert_to_dst_type(images, form.images(batch))[0])
        return batch

    def _places(self, batch: Any) -> list[tuple[Key, ...]]:
        there = list(_leaves(batch))
        try:
            with borrow():  # a prepare_batch may draw random numbers
                handed = self._prepare_batch(batch, there[0][1].device if there else None, False)
        except Exception as error:  # whatever a function of the user's runs into, the step would run into it too
            raise UnlearningError(
                f"The trainer's prepare_batch cannot read the batch {describe(batch)} ({type(error).__name__}: "
                f"{error}). MONAI's own takes a tensor, the key 'reals', or 'image' with or without 'label': call "
                "class labels beside 'reals' 'labels', or give the trainer a d_prepare_batch."
            ) from error
        read = [tensor for _, tensor in _leaves(handed) if tensor.dim() > 1]
        places = [path for path, tensor in there if read and _same(tensor, read[0])]
        if not places:
            raise UnlearningError(
                f"The trainer's prepare_batch hands on no images that are in the batch {describe(batch)} as they are: "
                "say which they are, gan(trainer, image=path or (get, put))."
            )
        for other in read[1:]:
            if other.dim() > 2 and not torch.equal(other, read[0]):
                raise UnlearningError(
                    f"The trainer learns from two different images, of shapes {tuple(read[0].shape)} and "
                    f"{tuple(other.shape)}, and another in the place of one would leave the other: give "
                    "gan(trainer, image=(get, put)) whose put(batch, images) replaces both."
                )
            places += [path for path, tensor in there if path not in places and _same(tensor, other)]
        return places


def _leaves(value: Any, path: tuple[Key, ...] = ()) -> Iterator[tuple[tuple[Key, ...], Tensor]]:
    if isinstance(value, Tensor):
        yield path, value
    elif isinstance(value, (Mapping, tuple, list)):
        for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _leaves(item, (*path, key))


def _same(one: Tensor, other: Tensor) -> bool:
    # Not `is`: to() may wrap a MetaTensor anew.
    return one.data_ptr() == other.data_ptr() and one.shape == other.shape
