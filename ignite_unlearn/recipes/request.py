"""What a run was asked for, checked before anything is trained or written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.recipes.phase import FAKE_LABELS, SUBSTITUTIONS, choose
from ignite_unlearn.recipes.recipe import ImageData, Recipe, parse_options

_COUNTS = (
    "iterations", "batch_size", "unlearning_iterations", "unlearning_steps", "unlearning_batch_size", "samples",
    "judge_every", "judge_samples",
)  # fmt: skip


@dataclass(frozen=True)
class Request:
    """A checked request for a run.

    Attributes:
        recipe: the recipe.
        options: its options, as asked for.
        data: its data, on ``device``.
        out: the output folder.
        seed: of everything that is trained.
        device: where.
        retrain: whether the judge, a GAN retrained on the retain set, is trained too.
        resume: whether finished stages and checkpoints in ``out`` are used.
        progress: whether bars are shown.
    """

    recipe: Recipe
    options: Mapping[str, Any]
    data: ImageData
    out: Path
    seed: int
    device: torch.device
    retrain: bool
    resume: bool
    progress: bool

    @property
    def forgotten(self) -> Tensor:
        """Mask ``(N,)`` of the training images that are to be forgotten."""
        classes = torch.tensor(self.options["classes"], device=self.data.labels.device)
        return torch.isin(self.data.labels, classes)

    def iterations(self, images: int) -> int:
        """Returns how many iterations a training on so many images takes: as many epochs as the original's."""
        return max(1, round(self.options["iterations"] * images / len(self.data.images)))

    def plan(self) -> str:
        """Returns what the run would do, in words."""
        data, options, out = self.data, self.options, self.out
        original = "load" if (out / "original.pt").exists() else f"train {options['iterations']} iterations for"
        retrained = f"retrain {self.iterations(int((~self.forgotten).sum()))} iterations on the retain set"
        steps = [
            f"{original} {out / 'original.pt'}",
            f"unlearn for at most {options['unlearning_iterations']} iterations: {out / 'unlearned.pt'}",
            f"{retrained}: {out / 'retrained.pt'}" if self.retrain else "retrain nothing: no judge, no speed-up",
            f"write {out / 'record.json'}, record.html, samples.png",
        ]
        return "\n".join([
            f"{self.recipe.name}, seed {self.seed}, on {self.device}",
            f"data: {data.name}, {len(data.images)} training images, {len(data.unseen)} unseen, {data.classes} classes",
            f"forget: classes {','.join(map(str, options['classes']))}, {int(self.forgotten.sum())} training images",
            *(f"{i}. {step}" for i, step in enumerate(steps, 1)),
        ])  # fmt: skip


def check_request(
    recipe: Recipe,
    *,
    settings: tuple[str, ...] = (),
    out: Path,
    seed: int = 0,
    device: str | None = None,
    data_root: Path | None = None,
    retrain: bool = False,
    resume: bool = False,
    progress: bool = True,
) -> Request:
    """Returns a checked request; nothing is written by the check.

    Raises:
        UnlearningError: if anything in it does not fit.
    """
    options = parse_options(recipe, settings)
    choose("substitution", options["substitution"], SUBSTITUTIONS)
    choose("fake_label", options["fake_label"], FAKE_LABELS)
    for key in _COUNTS:
        if options[key] < 1:
            raise UnlearningError(f"--set {key}={options[key]} does not fit: expected at least 1.")
    where = _device(device)
    data = recipe.load_data(data_root)
    _check_classes(options["classes"], data)
    _check_folder(out)
    fields = ("images", "labels", "unseen", "unseen_labels")
    moved = {name: getattr(data, name).to(where) for name in fields}
    for name in ("images", "unseen"):
        moved[name] = moved[name].contiguous(memory_format=torch.channels_last)
    data = replace(data, **moved)
    return Request(recipe, options, data, out, seed, where, retrain, resume, progress)


def _device(name: str | None) -> torch.device:
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UnlearningError(f"--device {name} is not a device: expected cpu, cuda or cuda:0.") from None
    if device.type not in ("cpu", "cuda"):
        raise UnlearningError(f"--device {name} is not supported: expected cpu, cuda or cuda:0.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise UnlearningError(f"--device {name}: torch sees {found} CUDA devices here; use --device cpu.")
    return device


def _check_classes(classes: tuple[int, ...], data: ImageData) -> None:
    present = sorted(set(data.labels.tolist()))
    if not classes:
        raise UnlearningError("The forget set is empty: name at least one class, such as --set classes=3.")
    absent = [k for k in classes if k not in present]
    if absent:
        raise UnlearningError(
            f"Class {absent[0]} is not in the data: {data.name} has classes {present[0]} to {present[-1]}."
        )
    if set(classes) == set(present):
        raise UnlearningError("All classes would be forgotten: leave at least one to be retained.")


def _check_folder(out: Path) -> None:
    nearest = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise UnlearningError(f"Cannot write into {out}: {nearest} is not a folder that you may write to; give --out.")
