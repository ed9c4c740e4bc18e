"""Where a user's batch keeps its images and labels, and how to put others in their place."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError

Key: TypeAlias = str | int
Path: TypeAlias = Key | tuple[Key, ...]
Accessor: TypeAlias = tuple[Callable[[Any], Tensor], Callable[[Any, Tensor], Any]]

WITHOUT_BATCH = (
    "The loop runs without batches of images, so it fetches these inside its step, where no row can be replaced: let "
    "it fetch them from SubstitutedDataset(dataset, indices, ...), and request ForgetItems(images, augmented=True)."
)
IMAGE_NAMES = frozenset({"image", "images", "img", "imgs", "real", "reals", "x", "data", "A"})
LABEL_NAMES = frozenset({"label", "labels", "target", "targets", "y", "class", "classes"})


class Leaf(NamedTuple):
    """A tensor of a batch, and the keys that lead to it."""

    path: tuple[Key, ...]
    tensor: Tensor


class BatchForm:
    """The form of a training loop's batch: where the images and the class labels are.

    Without arguments the form is recognised: the images are the first floating-point or uint8 tensor with four
    dimensions (then five, three, two), well-known dictionary keys first; the labels are the first integer tensor of
    shape ``(N,)`` or ``(N, 1)``.

    Args:
        image: where the images are: a path such as ``0``, ``"reals"`` or ``(0, 1)``, or a pair ``(get, put)`` with
            ``get(batch) -> images`` and ``put(batch, images) -> new batch``. None: recognise them.
        label: the same for the class labels.

    Example:
        >>> import torch
        >>> batch = {"A": torch.zeros(4, 1, 8, 8), "label": torch.tensor([0, 1, 2, 3])}
        >>> form = BatchForm()
        >>> form.images(batch).shape, form.labels(batch).tolist()
        (torch.Size([4, 1, 8, 8]), [0, 1, 2, 3])
        >>> new = form.replace(batch, torch.ones(4, 1, 8, 8), torch.tensor([9, 1, 2, 3]))
        >>> new["label"].tolist(), batch["label"].tolist()
        ([9, 1, 2, 3], [0, 1, 2, 3])
    """

    def __init__(self, image: Path | Accessor | None = None, label: Path | Accessor | None = None):
        self._image = _accessor(image)
        self._label = _accessor(label)
        # What a pair of functions puts in may be rounded; what a path leads to is put there as it is.
        self._rounds = any(isinstance(where, tuple) and callable(where[0]) for where in (image, label) if where)

    def has_images(self, batch: Any) -> bool:
        """Returns whether a batch holds images at all, which a loop's that fetches them inside its step does not."""
        return self._image is not None or _find_images(batch) is not None

    def leaves(self, batch: Any) -> list[Leaf]:
        """Returns the tensors of a batch, and where each is."""
        return [Leaf(path, tensor) for path, tensor in _leaves(batch)]

    def guesses_of_images(self, batch: Any) -> list[Leaf]:
        """Returns the tensors that may be the images, the one that is taken first; none where it is no guess."""
        path = None if self._image is not None else _find_images(batch)
        if path is None or (path and str(path[-1]) in IMAGE_NAMES):
            return []
        taken = _at(path)[0](batch)
        return [leaf for leaf in self.leaves(batch) if _like(leaf.tensor, taken)]

    def guesses_of_labels(self, batch: Any) -> list[Leaf]:
        """Returns the tensors that may be the class labels; as for the images."""
        if self._label is not None or not self.has_images(batch):
            return []
        paths = _label_paths(batch, len(self.images(batch)))
        taken = _first(paths, LABEL_NAMES)
        if taken is None or (taken and str(taken[-1]) in LABEL_NAMES):
            return []
        return [Leaf(path, _at(path)[0](batch)) for path in paths]

    def images(self, batch: Any) -> Tensor:
        """Returns the images of ``batch``, shape ``(N, ...)``.

        Raises:
            UnlearningError: if the batch holds no images.
        """
        get, _ = self._image or _at(_image_path(batch))
        return _tensor(get, batch, "images", "image")

    def labels(self, batch: Any) -> Tensor | None:
        """Returns the class labels of ``batch``, int64 of shape ``(N,)``, or None where it has none."""
        if self._label is not None:
            return _tensor(self._label[0], batch, "labels", "label").reshape(-1).long()
        path = _label_path(batch, len(self.images(batch)))
        return None if path is None else _at(path)[0](batch).reshape(-1).long()

    def replace(self, batch: Any, images: Tensor, labels: Tensor | None = None, *, rows: Tensor | None = None) -> Any:
        """Returns a copy of ``batch`` with other images and, where given and present, other labels.

        The container is copied, the tensors that are not replaced are shared, and ``batch`` stays as it was.

        Args:
            batch: the batch.
            images: shape ``(N, ...)``.
            labels: shape ``(N,)``.
            rows: bool mask ``(N,)`` of the rows that are other ones. All others stay as they are, bit for bit, also
                where a ``put`` of the user's rounds. None: all may differ.
        """
        given = batch
        label = self._label
        if label is None and labels is not None:
            path = _label_path(batch, len(images))
            label = None if path is None else _at(path)
        if labels is not None and label is not None:
            old = label[0](batch)
            batch = label[1](batch, labels.reshape(old.shape).to(old.dtype))
        _, put = self._image or _at(_image_path(batch))
        changed = put(batch, images)
        return _keep_rows(given, changed, ~rows) if self._rounds and rows is not None else changed


def describe(batch: Any) -> str:
    """Returns a short description of a batch for error messages, such as ``dict(A: (4, 1, 8, 8) float32)``."""
    if isinstance(batch, Tensor):
        return f"{tuple(batch.shape)} {str(batch.dtype).removeprefix('torch.')}"
    if isinstance(batch, Mapping):
        return f"{type(batch).__name__}({', '.join(f'{key}: {describe(value)}' for key, value in batch.items())})"
    if isinstance(batch, (tuple, list)):
        return f"{type(batch).__name__}({', '.join(describe(value) for value in batch)})"
    return type(batch).__name__


def _leaves(batch: Any, path: tuple[Key, ...] = ()) -> Iterator[tuple[tuple[Key, ...], Tensor]]:
    if isinstance(batch, Tensor):
        yield path, batch
    elif isinstance(batch, Mapping):
        for key, value in batch.items():
            yield from _leaves(value, (*path, key))
    elif isinstance(batch, (tuple, list)):
        for index, value in enumerate(batch):
            yield from _leaves(value, (*path, index))


def _first(candidates: Sequence[tuple[Key, ...]], names: frozenset[str]) -> tuple[Key, ...] | None:
    named = [path for path in candidates if path and str(path[-1]) in names]
    return next(iter([*named, *candidates]), None)


def _find_images(batch: Any) -> tuple[Key, ...] | None:
    leaves = [(p, t) for p, t in _leaves(batch) if t.is_floating_point() or t.dtype == torch.uint8]
    for dimensions in (4, 5, 3, 2):
        path = _first([p for p, t in leaves if t.dim() == dimensions], IMAGE_NAMES)
        if path is not None:
            return path
    return None


def _image_path(batch: Any) -> tuple[Key, ...]:
    path = _find_images(batch)
    if path is not None:
        return path
    if batch is None or isinstance(batch, (int, float, str)):
        raise UnlearningError(WITHOUT_BATCH)
    raise UnlearningError(
        f"The batch holds no images: expected a floating-point tensor of shape (N, C, H, W) in it, found "
        f"{describe(batch)}. If the images are somewhere else, say where: GAN(..., image=path or (get, put))."
    )


def _like(one: Tensor, other: Tensor) -> bool:
    images = one.is_floating_point() or one.dtype == torch.uint8
    return images and one.dim() == other.dim() and len(one) == len(other)


def shown(path: tuple[Key, ...]) -> str:
    """Returns a path as it is written in ``GAN(..., image=...)``.

    Example:
        >>> shown((1,)), shown(("input", "full"))
        ('1', "('input', 'full')")
    """
    return repr(path[0]) if len(path) == 1 else repr(path)


def _label_path(batch: Any, rows: int) -> tuple[Key, ...] | None:
    return _first(_label_paths(batch, rows), LABEL_NAMES)


def _label_paths(batch: Any, rows: int) -> list[tuple[Key, ...]]:
    integers = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
    shapes = ((rows,), (rows, 1))
    return [p for p, t in _leaves(batch) if t.dtype in integers and tuple(t.shape) in shapes]


def _at(path: tuple[Key, ...]) -> Accessor:
    def get(batch: Any) -> Tensor:
        for key in path:
            batch = batch[key]
        return batch

    def put(batch: Any, value: Tensor, depth: int = 0) -> Any:
        if depth == len(path):
            return value
        key = path[depth]
        inner = put(batch[key], value, depth + 1)
        if isinstance(batch, Mapping):
            changed: Any = copy.copy(batch)
            changed[key] = inner
            return changed
        if hasattr(batch, "_replace"):
            return batch._replace(**{batch._fields[key]: inner})
        items = list(batch)
        items[int(key)] = inner
        return type(batch)(items)

    return get, put


def _keep_rows(given: Any, changed: Any, kept: Tensor) -> Any:
    """Returns ``changed`` with the rows ``kept`` ``(N,)`` of its tensors as they were in ``given``."""
    new = dict(_leaves(changed))
    for path, old in _leaves(given):
        other = new.get(path)
        if other is None or other is old or other.shape != old.shape or other.dtype != old.dtype:
            continue
        if old.dim() == 0 or len(old) != len(kept) or other.device != old.device:
            continue
        mask = kept.to(old.device).view(-1, *[1] * (old.dim() - 1))
        changed = _at(path)[1](changed, torch.where(mask, old, other))
    return changed


def _accessor(where: Path | Accessor | None) -> Accessor | None:
    if where is None:
        return None
    if isinstance(where, tuple) and len(where) == 2 and callable(where[0]) and callable(where[1]):
        return where[0], where[1]
    return _at(where if isinstance(where, tuple) else (where,))  # type: ignore[arg-type]


def _tensor(get: Callable[[Any], Tensor], batch: Any, what: str, argument: str) -> Tensor:
    try:
        value = get(batch)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise UnlearningError(
            f"The batch has no {what} where GAN(..., {argument}=...) says: {describe(batch)} "
            f"({type(error).__name__}: {error}). Give the path to them, or a pair (get, put)."
        ) from error
    if not isinstance(value, Tensor):
        raise UnlearningError(f"GAN(..., {argument}=...) must lead to a tensor of {what}, not {type(value).__name__}.")
    return value
