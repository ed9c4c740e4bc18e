"""The batch seam: rows of the forget set are replaced, whole or their images alone, in a copy of a loop's batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.batch import BatchForm
from ignite_unlearn.gan.fields import Fields, blank, row_of, with_rows
from ignite_unlearn.handlers.meetings import Place

_KEPT = 8  # rows of earlier batches


def replace_rows(
    batch: Any, form: BatchForm, forgotten: Tensor, make: Callable[[int, Tensor], Any], place: Place | None = None
) -> Any:
    """Returns a copy of ``batch`` in which the images, and labels, of the forgotten rows are others.

    Rows are replaced, never dropped: loops size labels and noise once. The batch's own tensors are not written to.

    Args:
        batch: the loop's batch.
        form: where its images and labels are.
        forgotten: bool mask ``(N,)``.
        make: ``(n, rows) -> (images, labels or None)``, drawing n candidates and making those at ``rows`` (int64).
        place: where the rows lie in the global batch; None: they are all.
    """
    images, labels = form.images(batch), form.labels(batch)
    # Candidates are numbered over the global batch, so that processes which share it draw what one alone would.
    first, total = (0, len(images)) if place is None else (place.first, place.total)
    rows = forgotten.nonzero().flatten()
    made, made_labels = make(total, rows + first)
    refuse_other_form(made, images)
    new = images.detach().clone()
    new[rows.to(new.device)] = made.to(new.device, new.dtype)
    if labels is not None and made_labels is not None:
        labels = labels.clone()
        labels[rows.to(labels.device)] = made_labels.to(labels.device)
    return form.replace(batch, new, labels, rows=forgotten)


def refuse_other_form(made: Tensor, images: Tensor) -> None:
    """Refuses generated images that cannot take the place of a batch's images ``(N, ...)``.

    Raises:
        UnlearningError: if they have another shape or another kind of numbers.
    """
    if made.shape[1:] != images.shape[1:]:
        raise UnlearningError(
            f"The generator makes images of shape {tuple(made.shape[1:])} but the batch's have "
            f"{tuple(images.shape[1:])}: give the batch's form with GAN(..., image=(get, put))."
        )
    if not images.is_floating_point():
        raise UnlearningError(
            f"The batch's images are {images.dtype}, the generator's are floating point: pass GAN(..., image=(get, "
            "put)) that convert to and from the generator's value range."
        )


def blank_rows(batch: Any, found: Fields, forgotten: Tensor) -> Any:
    """Returns a copy of ``batch`` in which the forgotten rows of the fields ``found`` hold nothing: zeros, no text."""
    places = forgotten.nonzero().flatten().tolist()
    rows = [{path: blank(value) for path, value in row_of(found, place).items()} for place in places]
    return with_rows(batch, places, rows)


class RetainedRows:
    """Retained rows that take the place of forgotten ones, with all that a row holds.

    They come from the same batch where it holds some, each taken as seldom as can be; else from the last eight that
    batches before it held. Nothing is drawn from the loop's random number streams, and processes need not meet: each
    has its own.

    Example:
        >>> retained, batch = RetainedRows(), (torch.zeros(3, 1, 2, 2), ["a", "b", "c"])
        >>> found = {(0,): batch[0], (1,): batch[1]}
        >>> retained.keep(found, torch.tensor([False, True, False]))
        >>> with_rows(batch, [1], retained.take(found, torch.tensor([False, True, False]), seed=0))[1][1] in "ac"
        True
        >>> len(retained.take(found, torch.tensor([True, True, True]), seed=0))
        3
    """

    def __init__(self) -> None:
        self._kept: deque[Fields] = deque(maxlen=_KEPT)

    def keep(self, found: Fields, forgotten: Tensor) -> None:
        """Keeps copies of the last retained rows of a batch.

        Args:
            found: the batch's fields.
            forgotten: bool mask ``(N,)``.
        """
        for place in (~forgotten).nonzero().flatten()[-_KEPT:].tolist():
            row = row_of(found, place)
            self._kept.append({path: v.clone() if isinstance(v, Tensor) else v for path, v in row.items()})

    def take(self, found: Fields, forgotten: Tensor, seed: int) -> list[Fields] | None:
        """Returns a retained row for each forgotten one; None where there is none of the batch's form.

        Args:
            found: the batch's fields.
            forgotten: bool mask ``(N,)``.
            seed: of the choice.
        """
        places = (~forgotten).nonzero().flatten().tolist()
        rows = [row_of(found, place) for place in places] or [row for row in self._kept if _fits(row, found)]
        if not rows:
            return None
        n, stream = int(forgotten.sum()), torch.Generator().manual_seed(seed)
        order = torch.cat([torch.randperm(len(rows), generator=stream) for _ in range(-(-n // len(rows)))])
        return [rows[i] for i in order[:n].tolist()]

    def forget(self) -> None:
        """Lets go of the rows of earlier batches."""
        self._kept.clear()

    def state_dict(self) -> list[list[tuple[Any, Any]]]:
        """Returns the rows of earlier batches, as tensors and plain values; a row that holds anything else is not."""
        return [list(row.items()) for row in self._kept if all(map(_is_plain, row.values()))]

    def load_state_dict(self, state: Sequence[Sequence[tuple[Any, Any]]]) -> None:
        """Loads the rows of earlier batches."""
        self._kept = deque((dict(row) for row in state), maxlen=_KEPT)


def _fits(row: Fields, found: Fields) -> bool:
    """Returns whether a row of an earlier batch has the form of another batch's rows."""
    one = {path: tuple(value.shape) if hasattr(value, "shape") else type(value) for path, value in row.items()}
    return one == {path: tuple(v.shape[1:]) if hasattr(v, "shape") else type(v[0]) for path, v in found.items()}


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    if isinstance(value, Mapping):
        return type(value) is dict and all(map(_is_plain, [*value.keys(), *value.values()]))
    return type(value) in (Tensor, str, int, float, bool, bytes, type(None))
