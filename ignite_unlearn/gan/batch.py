"""Where a user's batch keeps its images and labels, and how to put others in their place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.fields import Accessor, Fields, Keys, Leaf, Path, at, describe, fields, leaves

WITHOUT_BATCH = (
    "The loop runs without batches of images, so it fetches these inside its step, where no row can be replaced: let "
    "it fetch them from ReplacedDataset(dataset, indices, ...), and request ForgetItems(images, augmented=True)."
)
# Names that say what a tensor is, and names that are taken for it where there is no better.
IMAGE_NAMES = frozenset({"image", "images", "img", "imgs", "real", "reals", "pixel_values"})
IMAGE_HINTS = IMAGE_NAMES | {"x", "data", "A"}
LABEL_NAMES = frozenset({"label", "labels", "target", "targets", "y", "class", "classes"})
NO_LABELS = frozenset({"id", "ids", "index", "indices", "idx"})  # integers that number rows
_INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


class BatchForm:
    """The form of a training loop's batch: where the images and the class labels are.

    Without arguments the form is recognised: the images are the first floating-point or uint8 tensor with four
    dimensions (then five, three, two), well-known dictionary keys first; the labels are the first integer tensor of
    shape ``(N,)`` or ``(N, 1)``, and where there is none, the first one-hot tensor ``(N, K)``.

    Args:
        image: where the images are: a path such as ``0``, ``"reals"`` or ``(0, 1)``, a list of paths where the batch
            holds the same images several times, or a pair ``(get, put)`` with ``get(batch) -> images`` and
            ``put(batch, images) -> new batch``. None: recognise them.
        label: the same for the class labels.
        classes: how many classes one-hot labels tell apart; None: any number.

    Example:
        >>> import torch
        >>> batch = {"A": torch.zeros(4, 1, 8, 8), "label": torch.tensor([0, 1, 2, 3])}
        >>> form = BatchForm()
        >>> form.images(batch).shape, form.labels(batch).tolist()
        (torch.Size([4, 1, 8, 8]), [0, 1, 2, 3])
        >>> new = form.replace(batch, torch.ones(4, 1, 8, 8), torch.tensor([9, 1, 2, 3]))
        >>> new["label"].tolist(), batch["label"].tolist()
        ([9, 1, 2, 3], [0, 1, 2, 3])
        >>> form.more(batch), list(form.more({**batch, "text": ["a", "b", "c", "d"]}))
        ({}, [('text',)])
    """

    def __init__(
        self,
        image: Path | Sequence[Path] | Accessor | None = None,
        label: Path | Sequence[Path] | Accessor | None = None,
        *,
        classes: int | None = None,
    ):
        self._image, self._image_paths = _where(image)
        self._label, self._label_paths = _where(label)
        self._classes = classes
        self._seen: dict[tuple[Keys, ...], frozenset[Keys]] = {}
        # What a pair of functions puts in may be rounded; what a path leads to is put there as it is.
        self._rounds = None in (self._image_paths, self._label_paths)

    def has_images(self, batch: Any) -> bool:
        """Returns whether a batch holds images at all, which a loop's that fetches them inside its step does not."""
        return self._image is not None or _find_images(batch) is not None

    def image_leaves(self, batch: Any) -> list[Leaf]:
        """Returns the tensors that may be the images, the one that is taken first; none where functions get them."""
        if self._image is not None:
            return [Leaf(path, at(path)[0](batch)) for path in (self._image_paths or ())[:1]]
        taken = _find_images(batch)
        if taken is None:
            return []
        first = at(taken)[0](batch)
        alike = [leaf for leaf in leaves(batch) if _like(leaf.tensor, first)]
        telling = [leaf for leaf in alike if _named(leaf.path, IMAGE_NAMES)]
        plain = [leaf for leaf in alike if not is_one_hot(leaf.tensor)]
        # One name among them that says so is no guess.
        chosen = telling if len(telling) == 1 else plain or alike
        return sorted(chosen, key=lambda leaf: leaf.path != taken)

    def label_leaves(self, batch: Any) -> list[Leaf]:
        """Returns the tensors that may be the class labels; as for the images."""
        if self._label is not None:
            return [Leaf(path, at(path)[0](batch)) for path in (self._label_paths or ())[:1]]
        paths = self._paths_of_labels(batch, len(self.images(batch)))
        taken = _first(paths, LABEL_NAMES)
        telling = [path for path in paths if _named(path, LABEL_NAMES)]
        chosen = sorted(telling if len(telling) == 1 else paths, key=lambda path: path != taken)
        return [Leaf(path, at(path)[0](batch)) for path in chosen]

    def images(self, batch: Any) -> Tensor:
        """Returns the images of ``batch``, shape ``(N, ...)``.

        Raises:
            UnlearningError: if the batch holds no images.
        """
        get, _ = self._image or at(_image_path(batch))
        return _tensor(get, batch, "images", "image")

    def labels(self, batch: Any) -> Tensor | None:
        """Returns the class labels of ``batch``, int64 of shape ``(N,)``, or None where it has none.

        Raises:
            UnlearningError: if there are none where they are said to be, or ``(N, K)`` of them that are not one-hot.
        """
        if self._label is not None:
            return _as_classes(_tensor(self._label[0], batch, "labels", "label"))
        path = self._path_of_labels(batch, len(self.images(batch)))
        return None if path is None else _as_classes(at(path)[0](batch))

    def more(self, batch: Any) -> Fields:
        """Returns what a row of the batch is beside its image and label: captions, the other of a pair, and so on."""
        images = self.images(batch)
        found = fields(batch, len(images))
        own = self._own(batch, images, found)
        return {path: value for path, value in found.items() if path not in own}

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
            path = self._path_of_labels(batch, len(images))
            label = None if path is None else at(path)
        if labels is not None and label is not None:
            batch = label[1](batch, _in_the_form_of(label[0](batch), labels))
        _, put = self._image or at(_image_path(batch))
        changed = put(batch, images)
        return _keep_rows(given, changed, ~rows) if self._rounds and rows is not None else changed

    def _own(self, batch: Any, images: Tensor, found: Fields) -> frozenset[Keys]:
        """Returns where images and labels are, which ``replace`` replaces."""
        if not self._rounds:
            label = self._path_of_labels(batch, len(images)) if self._label is None else None
            return frozenset(
                [*self._paths_of_images(batch), *(self._label_paths or ()), *([] if label is None else [label])]
            )
        there = tuple(found)
        if there not in self._seen:  # what functions replace is seen by what they do
            labels = self.labels(batch)
            other_labels = None if labels is None else labels.clone()
            changed = fields(self.replace(batch, images.clone(), other_labels), len(images))
            other = frozenset(path for path in there if path not in changed or not _same(changed[path], found[path]))
            # Images that are no field, but inside of some object: then no row is in sight as a whole.
            self._seen[there] = other or frozenset(there)
        return self._seen[there]

    def _paths_of_images(self, batch: Any) -> list[Keys]:
        return [_image_path(batch)] if self._image is None else self._image_paths or []

    def _path_of_labels(self, batch: Any, rows: int) -> Keys | None:
        return _first(self._paths_of_labels(batch, rows), LABEL_NAMES)

    def _paths_of_labels(self, batch: Any, rows: int) -> list[Keys]:
        shapes, images = ((rows,), (rows, 1)), self._paths_of_images(batch)
        there = [(p, t) for p, t in leaves(batch) if t.dim() in (1, 2) and len(t) == rows and p not in images]
        whole = [p for p, t in there if t.dtype in _INTEGERS and tuple(t.shape) in shapes and not _named(p, NO_LABELS)]
        return whole or [p for p, t in there if is_one_hot(t, self._classes)]


def is_one_hot(labels: Tensor, classes: int | None = None) -> bool:
    """Returns whether a tensor is ``(N, K)`` with a single one in each row, and zeros; K is ``classes``, if given.

    Example:
        >>> is_one_hot(torch.eye(3)), is_one_hot(torch.eye(3), classes=4), is_one_hot(torch.ones(2, 2))
        (True, False, False)
    """
    if labels.dim() != 2 or len(labels) == 0 or labels.shape[1] < 2 or labels.shape[1] != (classes or labels.shape[1]):
        return False
    ones = labels == 1
    return bool((ones | (labels == 0)).all() & (ones.sum(1) == 1).all())


def _as_classes(labels: Tensor) -> Tensor:
    if labels.dim() != 2 or labels.shape[1] < 2:
        return labels.reshape(-1).long()
    if len(labels) and not is_one_hot(labels):
        raise UnlearningError(
            f"The batch's labels have shape {tuple(labels.shape)} but are not one-hot, so classes cannot be told: "
            "expected a single 1 in each row. For others say how, GAN(..., label=(get, put))."
        )
    return labels.long().argmax(1)


def _in_the_form_of(old: Tensor, labels: Tensor) -> Tensor:
    if old.dim() == 2 and old.shape[1] >= 2:
        return one_hot(labels.long(), old.shape[1]).to(old)
    return labels.reshape(old.shape).to(old.dtype)


def _named(path: Keys, names: frozenset[str]) -> bool:
    return bool(path) and str(path[-1]) in names


def _first(candidates: Sequence[Keys], names: frozenset[str]) -> Keys | None:
    return next(iter([*(path for path in candidates if _named(path, names)), *candidates]), None)


def _find_images(batch: Any) -> Keys | None:
    there = [(p, t) for p, t in leaves(batch) if t.is_floating_point() or t.dtype == torch.uint8]
    for dimensions in (4, 5, 3, 2):
        some = [(p, t) for p, t in there if t.dim() == dimensions]
        of_these = [p for p, t in some if len(some) == 1 or not is_one_hot(t)] or [p for p, _ in some]
        path = _first([p for p in of_these if _named(p, IMAGE_NAMES)] or of_these, IMAGE_HINTS)
        if path is not None:
            return path
    return None


def _image_path(batch: Any) -> Keys:
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


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, (tuple, list)) and isinstance(other, (tuple, list)):
        return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
    return one is other


def _keep_rows(given: Any, changed: Any, kept: Tensor) -> Any:
    """Returns ``changed`` with the rows ``kept`` ``(N,)`` of its tensors as they were in ``given``."""
    new = dict(leaves(changed))
    for path, old in leaves(given):
        other = new.get(path)
        if other is None or other is old or other.shape != old.shape or other.dtype != old.dtype:
            continue
        if old.dim() == 0 or len(old) != len(kept) or other.device != old.device:
            continue
        mask = kept.to(old.device).view(-1, *[1] * (old.dim() - 1))
        changed = at(path)[1](changed, torch.where(mask, old, other))
    return changed


def _where(given: Any) -> tuple[Accessor | None, list[Keys] | None]:
    """Returns how to get and put what is ``given`` as a path, paths or functions; and the paths, None for functions."""
    if given is None:
        return None, []
    if isinstance(given, tuple) and len(given) == 2 and callable(given[0]) and callable(given[1]):
        return given, None
    paths = [path if isinstance(path, tuple) else (path,) for path in (given if isinstance(given, list) else [given])]
    if not paths:
        raise UnlearningError("GAN(..., image=[], label=[]) must name at least one path, or be None.")

    def put(batch: Any, value: Tensor) -> Any:
        for path in paths:
            batch = at(path)[1](batch, value)
        return batch

    return (at(paths[0])[0], put), paths


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
