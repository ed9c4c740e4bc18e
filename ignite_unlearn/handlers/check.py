"""A look at somebody's loop before any training: what would not work, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import Forget
from ignite_unlearn.gan.batch import WITHOUT_BATCH
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.calling import outside
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.proof import doubts
from ignite_unlearn.handlers.image_looks import look_at_shapes, look_at_values
from ignite_unlearn.handlers.looks import (
    Look,
    look_at_dataset,
    look_at_form,
    look_at_labels,
)
from ignite_unlearn.handlers.original import Original, refuse_broken
from ignite_unlearn.handlers.replicas import refuse_nets
from ignite_unlearn.handlers.rows import Rows
from ignite_unlearn.handlers.untouched import untouched

_ROWS = 4  # enough to see shapes and ranges
_BATCHES = 4  # that are looked at


@dataclass(frozen=True)
class CheckReport:
    """What a look at a loop found; true where nothing stands against the phase.

    Attributes:
        problems: what would not work, one sentence each.
        notes: what was found, and what may surprise.

    Example:
        >>> print(CheckReport(problems=(), notes=("The batch holds 8 images.",)))
        The phase fits this loop.
          note: The batch holds 8 images.
    """

    problems: tuple[str, ...]
    notes: tuple[str, ...]

    def __bool__(self) -> bool:
        return not self.problems

    def __str__(self) -> str:
        verdict = "The phase fits this loop." if self else "The phase would not work in this loop."
        lines = [f"  problem: {text}" for text in self.problems] + [f"  note: {text}" for text in self.notes]
        return "\n".join([verdict, *lines])


def check_loop(
    gan: GAN,
    forget: Forget,
    loader: Any,
    *,
    seed: int = 0,
    unseen: Sequence[Tensor] = (),
    try_out: Callable[..., None] | None = None,
) -> CheckReport:
    """Tries every seam between a phase and a loop on the loader's first batches, and changes nothing by it.

    Of an inversion a few steps are tried on a few images, and nothing of it is kept.

    Args:
        gan: the GAN that the loop trains.
        forget: the request.
        loader: what the trainer runs over; None where it runs without.
        seed: of the random numbers drawn.
        unseen: sets of unseen images ``(N, ...)`` that the phase was given.
        try_out: tries the method, as :func:`~ignite_unlearn.handlers.rehearsal.rehearse` does.
    """
    look = Look()
    if not look.passes(lambda: refuse_nets(gan)):  # such nets cannot be borrowed for a look
        return CheckReport(tuple(look.problems), ())
    look.notes += gan.said_of_training()
    with untouched(loader), borrow(gan.generator, gan.discriminator, seed=seed):
        batches = look.try_to(lambda: _first_batches(loader, forget), "The loader")
        n, batch = _rows_of(gan, batches), batches[0] if batches else None
        made = look.try_to(lambda: gan.sample(n), "The generator") if look.passes(lambda: refuse_broken(gan)) else None
        fit = True
        if made is not None:
            labels = gan.sample_labels(n)
            look.try_to(lambda: gan.score(made, labels), "The discriminator")
            fit = not batches or look.passes(lambda: look_at_shapes(gan, forget, unseen, made, batch), "The images")
        if not look.problems:
            assert made is not None, "else there is a problem"
            look.notes += look.try_to(lambda: gan.heads(made, labels), "The discriminator") or []
            look.problems += look.try_to(lambda: doubts(gan, n), "A copy of the nets") or []
        tried = forget.trial(_ROWS)
        original = None if look.problems else look.try_to(lambda: Original(gan, tried, seed), "A copy of the nets")
        regions = None if original is None else look.try_to(lambda: original.regions, "The request")
        look.try_to(lambda: look_at_dataset(look, gan, forget, loader, batch), "The data set")
        if batches and _finds_images_and_labels(look, gan, forget, batch) and fit:
            _look_at_batches(look, gan, forget, unseen, loader, None if regions is None else original, made, batches)
        if original is not None and regions is not None and not look.problems and try_out is not None:
            rows = None if batch is None else look.try_to(lambda: _some_forgotten(gan, forget, batch), "The batch")
            look.try_to(lambda: try_out(look, original=original, rows=rows, batch=batch), "The method")
    return CheckReport(tuple(dict.fromkeys(look.problems)), tuple(dict.fromkeys(look.notes)))


def _rows_of(gan: GAN, batches: list[Any] | None) -> int:
    """Returns how many images a batch holds: a discriminator may need full groups of them."""
    try:
        return len(gan.batch.images((batches or [None])[0])) or _ROWS
    except Exception:  # said where the batch is looked at
        return _ROWS


def _some_forgotten(gan: GAN, forget: Forget, batch: Any) -> Rows:
    images, labels = gan.batch.images(batch), gan.batch.labels(batch)
    forgotten = forget.rows(images, labels).clone()
    if len(forgotten) and not bool(forgotten.any()):
        forgotten[0] = True
    return Rows(images, labels, forgotten, forget.examples(len(images)))


def _finds_images_and_labels(look: Look, gan: GAN, forget: Forget, batch: Any) -> bool:
    """Returns whether images and labels of a batch were found, those that its GAN has classes for."""
    found = look.try_to(lambda: (gan.batch.images(batch), gan.batch.labels(batch)))
    if found is None:
        return False
    images, labels = found
    look.try_to(lambda: look_at_form(look, gan, forget, batch))
    look.notes.append(f"The first batch holds {len(images)} images of shape {tuple(images.shape[1:])}.")
    if (said := outside(labels, gan.labels)) is not None:
        look.problems.append(f"The batch's {said}: give the number of classes, or say where the labels are, label=...")
    return said is None


def _look_at_batches(
    look: Look,
    gan: GAN,
    forget: Forget,
    unseen: Sequence[Tensor],
    loader: Any,
    original: Original | None,
    made: Tensor | None,
    batches: list[Any],
) -> None:
    batch = batches[0]
    images, labels = gan.batch.images(batch), gan.batch.labels(batch)
    rows = look.try_to(lambda: forget.rows(images, labels), "The request")
    if rows is None:
        return
    n = int(rows.sum())
    look.notes.append(f"{n} of its rows {'belongs' if n == 1 else 'belong'} to the forget set.")
    if len(rows) and bool(rows.all()):
        look.notes.append(
            "No row of it is retained: if all batches are like this, give the loop the retained images too."
        )
    look.try_to(lambda: look_at_labels(look, gan, forget, loader, batches), "The classifier")
    on_device = images.to(gan.device), None if labels is None else labels.to(gan.device)
    look.try_to(lambda: gan.score(*on_device), "The discriminator")
    if original is not None and made is not None:
        # All rows, as if the whole batch were to be forgotten: that shows whether their images fit.
        every = torch.ones(len(images), dtype=torch.bool)
        look.try_to(lambda: original.replace_rows(batch, gan, every, 0), "A batch with replaced rows")
        low, high = images.min().item(), images.max().item()
        if images.is_floating_point() and (low >= 0) != (made.min().item() >= 0):
            look.notes.append(
                f"The batch's values lie in [{low:.3g}, {high:.3g}], generated ones in [{made.min().item():.3g}, "
                f"{made.max().item():.3g}]: if their ranges differ, convert by the GAN's image=(get, put)."
            )
    several = look.try_to(lambda: torch.cat([gan.batch.images(b).detach().cpu() for b in batches]), "The loader")
    if several is not None:
        look.try_to(lambda: look_at_values(look, forget, unseen, several), "The images")


def _first_batches(loader: Any, forget: Forget) -> list[Any]:
    if loader is None:
        if forget.describe().by_index:
            return []
        raise UnlearningError(WITHOUT_BATCH)
    if isinstance(loader, Dataset) and not isinstance(loader, IterableDataset):
        raise UnlearningError(
            f"check() got a data set, {type(loader).__name__}: give it the loader that the trainer gets."
        )
    if _is_one_batch(loader):
        raise UnlearningError(
            "check() got a single batch: give it the loader that the trainer gets, or the batch in a list, [batch]."
        )
    try:
        iterator = iter(loader)
    except TypeError:
        raise UnlearningError(
            f"The data is {type(loader).__name__}, over which nothing can run: give check() the loader of the trainer."
        ) from None
    if iterator is loader:
        raise UnlearningError(
            "The data is an iterator that can be read only once, so a look would swallow its first batch: give check() "
            "a list of one batch of the same form."
        )
    batches = list(islice(iterator, _BATCHES))
    if not batches:
        raise UnlearningError("The data is empty: expected at least one batch.")
    return [] if forget.describe().by_index and batches[0] is None else batches


def _is_one_batch(loader: Any) -> bool:
    """Returns whether this is one batch: tensors by name, one tensor, or a row of them of which one has no images."""
    if isinstance(loader, Mapping):
        return any(isinstance(one, Tensor) for one in loader.values())
    if isinstance(loader, Tensor):
        return True
    row = loader if isinstance(loader, (tuple, list)) else ()
    return len(row) > 1 and all(isinstance(one, Tensor) for one in row) and any(one.dim() < 2 for one in row)
