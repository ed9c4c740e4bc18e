"""The batch seam for loops that fetch their own data: a data set in which the forget set is replaced by index."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset

from ignite_unlearn.errors import UnlearningError


class SubstitutedDataset(Dataset):
    """A map-style dataset in which the items at some indices are substitutes; all others are passed through.

    For trainers that fetch their own data, where there is no batch to alter, and for item requests under random
    augmentation. Substitutes are made once, from the teacher, when the wrapper is built.

    Args:
        dataset: the dataset to wrap.
        indices: the forget set: indices into ``dataset``.
        substitutes: images ``(M, C, H, W)`` in the dataset's value range; index i always gets the same one.
        labels: their class labels ``(M,)``, or None where items have none.
        form: where an item keeps its image and label; the default recognises an image tensor, or an ``(image,
            label)`` pair.

    Raises:
        UnlearningError: if an index is outside the dataset, or there are no indices or no substitutes.

    Example:
        >>> import torch
        >>> data = torch.utils.data.TensorDataset(torch.zeros(5, 1, 2, 2), torch.arange(5))
        >>> wrapped = SubstitutedDataset(data, {3}, torch.ones(1, 1, 2, 2), torch.tensor([0]))
        >>> wrapped[3][0].sum().item(), int(wrapped[3][1]), wrapped[2][0].sum().item(), len(wrapped)
        (4.0, 0, 0.0, 5)
    """

    def __init__(
        self,
        dataset: Dataset,
        indices: Collection[int],
        substitutes: Tensor,
        labels: Tensor | None = None,
        *,
        form: tuple[Callable[[Any], Tensor], Callable[[Any, Tensor, Tensor | None], Any]] | None = None,
    ):
        size = len(dataset)  # type: ignore[arg-type]
        outside = [i for i in indices if not 0 <= i < size]
        if outside:
            raise UnlearningError(f"Index {outside[0]} is outside the dataset, which has {size} items from 0 on.")
        if not indices or len(substitutes) == 0:
            raise UnlearningError("The forget set is empty: give at least one index and one substitute image.")
        if labels is not None and len(labels) != len(substitutes):
            raise UnlearningError(f"Got {len(substitutes)} substitutes but {len(labels)} labels: give as many.")
        self.dataset = dataset
        self.indices = frozenset(indices)
        self._place = {index: place % len(substitutes) for place, index in enumerate(sorted(self.indices))}
        self._substitutes = substitutes
        self._labels = labels
        self._get, self._put = form or (_item_image, _put_item)

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> Any:
        index = index + len(self) if index < 0 else int(index)
        item = self.dataset[index]
        place = self._place.get(index)
        if place is None:
            return item
        image = self._get(item)
        substitute = self._substitutes[place].to(image.dtype)
        if substitute.shape != image.shape:
            raise UnlearningError(f"Substitutes have shape {tuple(substitute.shape)}, items {tuple(image.shape)}.")
        return self._put(item, substitute, None if self._labels is None else self._labels[place])


def _item_image(item: Any) -> Tensor:
    image = item if isinstance(item, Tensor) else item[0] if isinstance(item, (tuple, list)) and item else None
    if not isinstance(image, Tensor):
        raise UnlearningError(
            f"Items of the dataset are {type(item).__name__}: expected an image tensor or an (image, label) pair. "
            "Pass SubstitutedDataset(..., form=(get, put))."
        )
    return image


def _put_item(item: Any, image: Tensor, label: Tensor | None) -> Any:
    if isinstance(item, Tensor):
        return image
    rest = list(item[1:])
    if rest and label is not None:
        rest[0] = label.to(rest[0].dtype) if isinstance(rest[0], Tensor) else int(label)
    return type(item)([image, *rest]) if not hasattr(item, "_fields") else type(item)(image, *rest)
