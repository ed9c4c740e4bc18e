"""What ``check`` looks for in images that are to go together: a batch's, generated ones, the request's, unseen ones."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import Forget
from ignite_unlearn.forget.image_index import ImageIndex
from ignite_unlearn.forget.item_regions import fewest_unseen
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.handlers.looks import WRAP, Look
from ignite_unlearn.handlers.replaced_rows import refuse_other_form

_ITEMS = 512  # items that are compared with rows of batches
_SAME, _NEAR = 0.9999, 0.99  # correlations of pictures that are the same but for brightness, and nearly


def look_at_shapes(gan: GAN, forget: Forget, unseen_sets: Iterable[Tensor], made: Tensor, batch: Any) -> None:
    """Refuses images of other shapes or kinds of numbers than a batch's: generated ones ``made``, items, unseen ones.

    Raises:
        UnlearningError: if there are such.
    """
    images = gan.batch.images(batch)
    refuse_other_form(made, images)
    if forget.describe().images is not None:
        forget.rows(images, gan.batch.labels(batch))
    for unseen in unseen_sets:
        _refuse_other_shape(unseen, images)


def look_at_values(look: Look, forget: Forget, unseen_sets: Iterable[Tensor], images: Tensor) -> None:
    """Compares the images that the phase was given with those of batches ``(N, ...)``."""
    told = forget.describe()
    if told.images is not None and told.images.shape[1:] == images.shape[1:]:
        named = told.images
        if not told.recognised or look.passes(lambda: _look_for_other_forms(look, forget, named, images)):
            _compare(look, "The images to be forgotten", named, images)
    if told.unseen is not None and told.count is not None and len(told.unseen) < (needed := fewest_unseen(told.count)):
        look.notes.append(
            f"A single one of the {told.count} images that the generator reproduces would be taken for chance: to find "
            f"it takes {needed} unseen images to compare with, and there are {len(told.unseen)}. Give more, of which "
            "half measure, or have fewer images forgotten at once."
        )
    _look_at_unseen(look, unseen_sets, images)


def refuse_unseen(unseen_sets: Iterable[Tensor], images: Tensor) -> None:
    """Refuses unseen images that are not what a batch holds, ``(N, ...)``, or were in it.

    Raises:
        UnlearningError: if there are such.
    """
    look = Look()
    if len(images):
        _look_at_unseen(look, unseen_sets, images)
    if look.problems:
        raise UnlearningError(look.problems[0])


def _look_at_unseen(look: Look, unseen_sets: Iterable[Tensor], images: Tensor) -> None:
    for unseen in unseen_sets:
        _refuse_other_shape(unseen, images)
        _compare(look, "The unseen images", unseen, images)
        shared = int((ImageIndex(unseen).find(images) >= 0).sum())
        if shared:
            look.problems.append(
                f"{shared} of {len(images)} images of the loop's batches are unseen images too, but these must never "
                "have been trained on: leave them out."
            )


def _refuse_other_shape(unseen: Tensor, images: Tensor) -> None:
    if unseen.shape[1:] != images.shape[1:]:
        raise UnlearningError(
            f"The unseen images have shape {tuple(unseen.shape[1:])}, the batch's {tuple(images.shape[1:])}: give them "
            "as the batch holds its own."
        )


def _compare(look: Look, what: str, given: Tensor, images: Tensor) -> None:
    """Tells of another value range, as far as the numbers show it."""
    if not images.is_floating_point() or not len(images) or not len(given):
        return
    given, images = given.detach().float(), images.detach().float()
    ranges = [f"[{float(t.min()):.3g}, {float(t.max()):.3g}]" for t in (given, images)]
    sentence = (
        f"{what} lie in {ranges[0]}, the batch's in {ranges[1]}: give them in the value range of the loop's batches."
    )
    sizes = float(given.abs().max()), float(images.abs().max())
    lows = given.flatten(1).amin(1).cpu(), images.flatten(1).amin(1).cpu()
    # Where every image of one kind has negative values and none of the other, that is chance once in so many draws.
    apart = (lows[0].min() >= 0 and lows[1].max() < 0) or (lows[1].min() >= 0 and lows[0].max() < 0)
    draws = math.comb(len(given) + len(images), len(given))
    if (min(sizes) > 0 and max(sizes) > 20 * min(sizes)) or (apart and draws >= 20):
        look.problems.append(sentence)
    elif (lows[0].min() >= 0) != (lows[1].min() >= 0):
        look.notes.append(sentence.replace(": give", ": if their ranges differ, give"))


def _look_for_other_forms(look: Look, forget: Forget, named: Tensor, images: Tensor) -> None:
    """Looks for items, ``named (M, ...)``, that batches hold in another form than the request does."""
    found = forget.find(images)
    there = torch.isin(forget.find(named).cpu(), found.cpu())
    items, rows = named[~there][:_ITEMS].to(images), images[found < 0]
    if not len(items) or not len(rows):
        return
    forms = {"with other values, such as another value range or normalisation": items}
    if images.dim() == 4 and images.shape[1] == 3:
        forms["with their channels in reverse order (BGR)"] = items.flip(1)
    for how, other in forms.items():
        alike = _correlation(other, rows)
        same = int((alike.amax(1) > _SAME).sum())
        near = int((alike.amax(1) > _NEAR).sum()) - same
        if same:
            look.problems.append(
                f"{same} of {len(named)} images to be forgotten are in the batches, but {how}, and would not be "
                "recognised: give them as the batches hold them."
            )
            return
        if near and other is items:
            look.notes.append(
                f"{near} of {len(named)} images to be forgotten are nearly like some of the batches: if these are the "
                "same pictures, resized in another way or from a JPEG file, give them as the batches hold them."
            )
    if images.dim() >= 3 and int((_correlation(items.flip(-1), rows).amax(1) > _SAME).sum()):
        look.problems.append(
            "Images to be forgotten are in the batches as in a mirror: random flips are at work, and forgotten images "
            f"cannot be recognised in a batch: {WRAP}."
        )


def _correlation(one: Tensor, other: Tensor) -> Tensor:
    def normed(images: Tensor) -> Tensor:
        flat = images.detach().flatten(1).double()
        return torch.nn.functional.normalize(flat - flat.mean(1, keepdim=True), dim=1)

    return normed(one) @ normed(other).T
