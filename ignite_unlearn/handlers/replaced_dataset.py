"""The batch seam for loops that fetch their own data: a data set in which the forget set is replaced by index."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.batch import is_one_hot
from ignite_unlearn.utils.asked import CALL, IMAGES, LABELS, Asked, able, asks, maybe, several, whole

_ABLE = able("", "__len__", "__getitem__")
_MAPPED = Asked("a map-style dataset", lambda value: _ABLE.fits(value) and len(value) >= 0)


class ReplacedDataset(Dataset):
    """A map-style dataset in which the items at some indices are replaced; all others are passed through.

    For trainers that fetch their own data, where there is no batch to alter, and for item requests under random
    augmentation. Either images are given, made once, from the teacher, when the wrapper is built; or other items of
    the data set take their place, with all that they hold, such as captions.

    Args:
        dataset: the dataset to wrap.
        indices: the forget set: indices into ``dataset``.
        images: take their place, ``(M, C, H, W)`` in the dataset's value range; index i always gets the same one. None:
            retained items do, drawn once.
        labels: their class labels ``(M,)``, or None where items have none.
        form: where an item keeps its image and label; the default recognises an image tensor, or an ``(image,
            label)`` pair.

    Raises:
        UnlearningError: if an index is outside the dataset, there are no indices or no images, or no item is retained;
            later, if items hold more than an image and a label, which other images alone would part.

    Example:
        >>> import torch
        >>> data = torch.utils.data.TensorDataset(torch.zeros(5, 1, 2, 2), torch.arange(5))
        >>> wrapped = ReplacedDataset(data, {3}, torch.ones(1, 1, 2, 2), torch.tensor([0]))
        >>> wrapped[3][0].sum().item(), int(wrapped[3][1]), wrapped[2][0].sum().item(), len(wrapped)
        (4.0, 0, 0.0, 5)
        >>> int(ReplacedDataset(data, {3})[3][1]) in {0, 1, 2, 4}
        True
    """

    @asks(
        dataset=_MAPPED,
        indices=several("indices", whole()),
        images=maybe(IMAGES),
        labels=maybe(LABELS),
        form=maybe(several("a pair (get, put)", CALL)),
    )
    def __init__(
        self,
        dataset: Dataset,
        indices: Collection[int],
        images: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        form: tuple[Callable[[Any], Tensor], Callable[[Any, Tensor, Tensor | None], Any]] | None = None,
    ):
        size = len(dataset)  # type: ignore[arg-type]
        outside = [i for i in indices if not 0 <= i < size]
        if outside:
            raise UnlearningError(f"Index {outside[0]} is outside the dataset, which has {size} items from 0 on.")
        if not indices or (images is not None and len(images) == 0):
            raise UnlearningError("The forget set is empty: give at least one index and one image.")
        if labels is not None and (images is None or len(labels) != len(images)):
            given = 0 if images is None else len(images)
            raise UnlearningError(f"Got {given} images but {len(labels)} labels: give as many.")
        self.dataset = dataset
        self.indices = frozenset(indices)
        self._images = images
        self._labels = labels
        self._get, self._put = form or (_item_image, _put_item)
        # Which image an index gets, or which other index.
        choices = [i for i in range(size) if i not in self.indices]
        if images is not None:
            choices = list(range(len(images)))
        elif choices:
            drawn = torch.randperm(len(choices), generator=torch.Generator().manual_seed(0))
            choices = [choices[i] for i in drawn[: len(self.indices)].tolist()]
        else:
            raise UnlearningError("All items of the dataset are to be forgotten, so none can take their place.")
        self._place = {index: choices[place % len(choices)] for place, index in enumerate(sorted(self.indices))}

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> Any:
        index = index + len(self) if index < 0 else int(index)
        place = self._place.get(index)
        if place is None or self._images is None:
            return self.dataset[index if place is None else place]
        item = self.dataset[index]
        old = self._get(item)
        new = self._images[place]
        if new.shape != old.shape:
            raise UnlearningError(f"The images given have shape {tuple(new.shape)}, items {tuple(old.shape)}.")
        if new.is_floating_point() and not old.is_floating_point():
            raise UnlearningError(
                f"The images given are {new.dtype}, items {old.dtype}: give images of the items' value range and type, "
                "or none, so that retained items take their place."
            )
        new = new.to(old.dtype)
        return self._put(item, new, None if self._labels is None else self._labels[place])


def _item_image(item: Any) -> Tensor:
    image = item if isinstance(item, Tensor) else item[0] if isinstance(item, (tuple, list)) and item else None
    if not isinstance(image, Tensor):
        raise UnlearningError(
            f"Items of the dataset are {type(item).__name__}: expected an image tensor or an (image, label) pair. "
            "Pass ReplacedDataset(..., form=(get, put))."
        )
    return image


def _put_item(item: Any, image: Tensor, label: Tensor | None) -> Any:
    if isinstance(item, Tensor):
        return image
    rest = list(item[1:])
    if len(rest) > 1:
        raise UnlearningError(
            f"Items of the dataset hold {len(item)} values, of which all but image and label would stay with another "
            "image: give no images, so that whole retained items take their place, or pass form=(get, put)."
        )
    if rest and not _is_label(rest[0]):
        raise UnlearningError(
            f"Items of the dataset hold a {type(rest[0]).__name__} beside the image, which would stay with another "
            "image: give no images, so that whole retained items take their place, or pass form=(get, put)."
        )
    if rest and label is not None:
        rest[0] = label.to(rest[0].dtype) if isinstance(rest[0], Tensor) else int(label)
    return type(item)([image, *rest]) if not hasattr(item, "_fields") else type(item)(image, *rest)


def _is_label(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.numel() == 1 or is_one_hot(value.reshape(1, -1))
    return hasattr(value, "__index__") or isinstance(value, float)
