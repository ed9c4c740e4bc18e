"""Which training images a run is asked to forget, checked against its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.utils.image_files import find_files, named_files
from ignite_unlearn.recipes.data.class_names import class_numbers
from ignite_unlearn.recipes.data.image_data import ImageData

_COMPARED = 16  # unseen images, of which half may be looked at


def asked_images(options: Mapping[str, Any], data: ImageData, seed: int) -> Tensor:
    """Returns a mask ``(N,)`` of the training images that options name: by class, by file, or so many by chance.

    Raises:
        UnlearningError: if a file is not exactly one of them.
    """
    labels = data.labels
    if "items" not in options:
        return torch.isin(labels, torch.tensor(options["classes"], device=labels.device))
    mask = torch.zeros(len(labels), dtype=torch.bool)
    if options.get("files"):
        mask[find_files(data.files, named_files(options["files"]))] = True
    else:
        # Nested: the items of a small request are among those of a larger one of the same seed.
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
        first = options["first_item"]
        mask[order[first : first + options["items"]]] = True
    return mask.to(labels.device)


def checked(options: Mapping[str, Any], data: ImageData, seed: int) -> dict[str, Any]:
    """Returns the options with classes by number, and with as many items as there are files.

    Raises:
        UnlearningError: if what is to be forgotten is not in the data, or is all of it.
    """
    if "items" not in options:
        classes = class_numbers(options["classes"], data)
        _check_classes(classes, data)
        return {**options, "classes": classes}
    items = int(asked_images(options, data, seed).sum()) if options.get("files") else options["items"]
    _check_items({**options, "items": items}, data)
    return {**options, "items": items}


def _check_classes(classes: tuple[int, ...], data: ImageData) -> None:
    present = sorted(set(data.labels.tolist()))
    absent = [k for k in classes if k not in present]
    if absent:
        raise UnlearningError(
            f"Class {absent[0]} is not in the data: {data.name} has classes {present[0]} to {present[-1]}."
        )
    if set(classes) == set(present):
        raise UnlearningError("All classes would be forgotten: leave at least one to be retained.")


def _check_items(options: Mapping[str, Any], data: ImageData) -> None:
    items, first = options["items"], 0 if options.get("files") else options["first_item"]
    if not 0 <= first < len(data.images) - items:
        raise UnlearningError(
            f"--set items={items} and --set first_item={first} do not fit: {data.name} has {len(data.images)} training "
            "images, and at least one must be retained."
        )
    if options["generator_half"] == "where_known" and len(data.unseen) < _COMPARED:
        raise UnlearningError(
            f"{data.name} has {len(data.unseen)} unseen images, and the generator's half of the phase compares with at "
            f"least {_COMPARED}: give more in a folder test, or --set generator_half=never."
        )
