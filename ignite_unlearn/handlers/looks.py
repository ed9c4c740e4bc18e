"""What ``check`` looks for in a loop's data before any training: a sentence for each thing that would not work."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import Forget
from ignite_unlearn.gan.fields import Leaf, leaves, shown
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.handlers.guesses import candidates, guesses, listed, unasked
from ignite_unlearn.handlers.replaced_dataset import ReplacedDataset
from ignite_unlearn.utils.answers import first_line

_ALIKE = 16  # labels that are the same by no chance
WRAP = "wrap the data set in ReplacedDataset(dataset, indices, ...) and pass ForgetItems(..., augmented=True)"


class Look:
    """Collects what is found instead of ending at the first problem.

    Attributes:
        problems: what would not work, one sentence each.
        notes: what was found, and what may surprise.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.notes: list[str] = []

    def try_to(self, act: Callable[[], Any], what: str = "A look at the loop") -> Any:
        """Returns what ``act`` returns, or None where it fails: then the reason is a problem. No warning escapes."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return act()
        except UnlearningError as error:
            self.problems.append(str(error))
        except Exception as error:  # whatever somebody's net or data raises is told in one sentence
            self.problems.append(f"{what} ended in {type(error).__name__}: {first_line(error)}")
        return None

    def passes(self, act: Callable[[], Any], what: str = "A look at the loop") -> bool:
        """Returns whether ``act`` neither fails nor finds a problem; what fails is one."""
        found = len(self.problems)
        self.try_to(act, what)
        return len(self.problems) == found


def look_at_dataset(look: Look, gan: GAN, forget: Forget, loader: Any, batch: Any = None) -> None:
    """Looks at a loader's data set: classes that it lacks, augmentation, and whether it is wrapped where it must be.

    Args:
        look: collects what is found.
        gan: the GAN that the loop trains.
        forget: the request.
        loader: what the trainer runs over.
        batch: its first one, as far as it has one: it tells which tensors of an item are images.
    """
    dataset, told = getattr(loader, "dataset", None), forget.describe()
    if told.images is not None:
        wrapped = any(isinstance(inner, ReplacedDataset) for inner in _chain(dataset))
        if told.by_index and dataset is None:
            look.notes.append(
                "ForgetItems(augmented=True) leaves it to ReplacedDataset to replace forgotten images: see that the "
                "loop reads from one."
            )
        elif told.by_index and not wrapped:
            look.problems.append(
                "ForgetItems(augmented=True) leaves it to ReplacedDataset to replace forgotten images, but the "
                f"loader's data set is {type(dataset).__name__}: wrap it, ReplacedDataset(dataset, indices, ...)."
            )
        elif not told.by_index and not wrapped and _changes(dataset, _shape(gan, batch)):
            look.problems.append(
                "The data set's images change from one look to the next: random augmentation is at work, and forgotten "
                f"images cannot be recognised in a batch: {WRAP}."
            )
    by_label = bool(told.classes) and told.classify is None
    folders, there = getattr(dataset, "classes", None), _targets(dataset)
    if (by_label or gan.labels is not None) and isinstance(folders, (list, tuple)) and len(folders) == 1:
        look.problems.append(
            f"The data set has one class, {folders[0]!r}, so all its labels are the same: give one with a folder for "
            "each class, or ForgetClasses(..., classifier=...) and labels by it, GAN(..., label=(get, put))."
        )
    elif by_label and there:
        missing = [k for k in told.classes if k not in there]
        if missing:
            look.problems.append(
                f"No image of the data set is of class {missing[0]}: its classes are {sorted(there)[:20]}."
            )


def look_at_form(look: Look, gan: GAN, forget: Forget, batch: Any) -> None:
    """Looks where a batch keeps images and labels, and says so: a guess between several tensors is no knowledge."""
    form, (images, labels) = gan.batch, candidates(gan, batch)
    look.problems += guesses(gan, forget, batch)
    taken = _taken(images, form.images(batch), "image"), _taken(labels, form.labels(batch), "label")
    look.notes.append(f"The images are {taken[0]}, the class labels {taken[1]}.")
    if (said := unasked(gan, batch)) is not None and (gan.labels is not None or forget.describe().classes):
        look.notes.append(said)
    more, n = form.more(batch), len(form.images(batch))
    if more:
        look.notes.append(
            f"A row of the batch holds more than image and label, at {', '.join(map(shown, more))}: whole retained "
            "rows take the place of forgotten ones, with all that they hold."
        )
    left = [leaf for leaf in leaves(batch) if leaf.tensor.dim() and len(leaf.tensor) != n and leaf.tensor.numel()]
    if left:
        look.notes.append(f"The batch's tensors at {listed(left)} do not have {n} rows, and stay as they are.")


def look_at_labels(look: Look, gan: GAN, forget: Forget, loader: Any, batches: list[Any]) -> None:
    """Looks whether labels tell classes: dummy or coarse ones are none of the classifier's, or all the same."""
    told, found = forget.describe(), [(gan.batch.images(batch), gan.batch.labels(batch)) for batch in batches]
    pairs = [(images, labels) for images, labels in found if labels is not None and len(labels)]
    if not pairs:
        return
    every = torch.cat([labels.cpu() for _, labels in pairs])
    if told.classify is not None and len(every) >= 4:
        agree = sum(
            int((told.classify(images.to(gan.device)).to(labels.device) == labels).sum()) for images, labels in pairs
        )
        if agree < len(every) / 2:
            look.problems.append(
                f"The batch's labels and the classifier agree on {agree} of {len(every)} images, and the rows to be "
                "forgotten are found by the labels: if these are not the classes, let the classifier label, GAN(..., "
                "label=(lambda batch: classifier(images of batch).argmax(1), lambda batch, labels: batch))."
            )
    if (gan.labels is None and not told.classes) or len(pairs) < 2 or len(every) < _ALIKE or len(every.unique()) > 1:
        return
    same = f"All {len(every)} labels of the first {len(pairs)} batches are {int(every[0])}"
    if len(_targets(getattr(loader, "dataset", None))) > 1:
        look.notes.append(f"{same}, but the data set has other classes: shuffle it, so that batches hold several.")
    else:
        look.problems.append(
            f"{same}, but several classes are expected: if they tell none, as those of a single folder, give others, "
            "or say where they are, GAN(..., label=...)."
        )


def _chain(dataset: Any) -> Iterator[Any]:
    """Gives a data set and those that it wraps."""
    if dataset is None:
        return
    yield dataset
    for inner in (getattr(dataset, "dataset", None), *(getattr(dataset, "datasets", None) or ())):
        yield from _chain(inner)


def _shape(gan: GAN, batch: Any) -> torch.Size | None:
    """Returns the shape of one image of a batch."""
    try:
        return gan.batch.images(batch).shape[1:]
    except UnlearningError:  # said where the batch is looked at
        return None


def _changes(dataset: Any, shape: torch.Size | None, items: int = 8, looks: int = 6) -> bool:
    """Returns whether a map-style data set gives other images ``shape`` at another look; random streams move."""
    if isinstance(dataset, torch.utils.data.IterableDataset):
        return False
    try:
        first = [_tensors(dataset[i], shape) for i in range(min(items, len(dataset)))]
        again = ((i, _tensors(dataset[i], shape)) for _ in range(looks) for i in range(len(first)))
        return any(
            a.shape != b.shape or not torch.equal(a, b)
            for i, tensors in again
            for a, b in zip(first[i], tensors, strict=True)
        )
    except Exception:  # a data set that cannot be looked at by index says nothing about augmentation
        return False


def _tensors(item: Any, shape: torch.Size | None) -> list[Tensor]:
    """Returns an item's images; where none has the shape of a batch's images, all that may be one."""
    values: Iterable[Any] = (
        item.values() if isinstance(item, dict) else item if isinstance(item, (tuple, list)) else [item]
    )
    real = [value for value in values if isinstance(value, Tensor) and value.is_floating_point()]
    return [value for value in real if value.shape == shape] or real


def _targets(dataset: Any) -> set[int]:
    """Returns the classes that a data set lists as torchvision's do; empty where what it lists is not what it gives."""
    joint = getattr(dataset, "transforms", None)  # of images and targets together
    changed = getattr(dataset, "target_transform", None), joint and getattr(joint, "target_transform", joint)
    if any(transform is not None for transform in changed):
        return set()
    try:
        targets = torch.as_tensor(getattr(dataset, "targets", ()))
    except (TypeError, ValueError, RuntimeError):  # names, or lists of different lengths
        return set()
    if targets.dim() != 1 or targets.is_floating_point() or targets.is_complex():
        return set()
    return set(targets.unique().tolist())


def _taken(found: list[Leaf], got: Tensor | None, argument: str) -> str:
    """Returns where images or labels were taken from, in words."""
    if got is None:
        return "nowhere"
    if not found:
        return f"what GAN(..., {argument}=(get, put)) gets, of shape {tuple(got.shape)}"
    path, tensor = found[0]
    return f"{f'at {shown(path)}' if path else 'the batch itself'}, of shape {tuple(tensor.shape)}"
