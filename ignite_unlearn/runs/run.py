"""A run as a value: what was asked for, checked before anything is trained or written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.recipes.data.copies import told
from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.recipes.data.split import Split
from ignite_unlearn.recipes.nets.nets import new_gan
from ignite_unlearn.recipes.recipe import Recipe, with_settings
from ignite_unlearn.recipes.training.training import Training
from ignite_unlearn.record.folder import kept_aside
from ignite_unlearn.runs.earlier import Earlier
from ignite_unlearn.runs.progress import BARS, Progress
from ignite_unlearn.runs.provenance import VERSION, Beside, Fingerprint, form_of, made_alike_beside
from ignite_unlearn.utils.hashing import tensors_sha256
from ignite_unlearn.utils.printable import printable

_SEEDS = 2**63  # torch takes no larger ones


@dataclass(frozen=True)
class Stage:
    """A long training of a run.

    Attributes:
        name: of its file of weights.
        settings: of the training.
        data: the images.
        rows: mask ``(N,)`` of the training images that it sees.
        seed: of everything that it draws.
        fingerprint: everything that its result depends on.
    """

    name: str
    settings: Training
    data: ImageData
    rows: Tensor
    seed: int
    fingerprint: Fingerprint


@dataclass(frozen=True)
class Run:
    """A checked run.

    Attributes:
        recipe: the recipe, with its settings as asked for.
        split: its data, on ``device``, parted by what is to be forgotten.
        data_sha256: the hash of all of it.
        out: the output folder.
        seed: of everything that is trained.
        device: where.
        original: the training of the original GAN.
        retrained: that of the GAN which is trained on the retain set alone.
        retrain: whether the latter is trained too.
        resume: whether finished stages and checkpoints in ``out`` are used.
        progress: what is shown while it works.
        show_forgotten: whether ``samples.png`` shows the original's images of what is to be forgotten.
        origin: ``id``, ``asked_by`` and ``run_by`` of the request, for its record.
        earlier: the requests before this one.
    """

    recipe: Recipe
    split: Split
    data_sha256: str
    out: Path
    seed: int
    device: torch.device
    original: Stage
    retrained: Stage
    retrain: bool
    resume: bool
    progress: Progress
    show_forgotten: bool = False
    origin: Mapping[str, str | None] = field(default_factory=dict)
    earlier: Earlier = field(default_factory=Earlier)

    @property
    def options(self) -> dict[str, Any]:
        """The recipe's settings, as asked for."""
        return self.recipe.options

    def new_gan(self) -> GAN:
        """Returns the recipe's GAN, untrained, initialised by the run's seed."""
        return new_gan(self.recipe.nets, self.split.data, seed=self.seed, device=self.device)

    def original_beside(self) -> Beside:
        """Returns the folder beside ``out`` that holds an original GAN made in the same way, if there is one."""
        if self.earlier.entries:
            return Beside(None)
        gan = self.new_gan()
        form = form_of({"generator": gan.generator, "discriminator": gan.discriminator})
        assert form is not None
        return made_alike_beside(self.out, "original", self.original.fingerprint, form)

    def plan(self) -> str:
        """Returns what the run would do, in words."""
        recipe, split, data, out = self.recipe, self.split, self.split.data, self.out
        there = (out / "original.pt").exists()
        original = "load" if there else f"train {self.original.settings.iterations} iterations for"
        beside = self.original_beside()
        if beside.folder is not None:
            original = f"copy {beside.folder / 'original.pt'}, made in the same way, to"
        if self.earlier.folder is not None and not there:
            original = f"copy {self.earlier.folder / 'unlearned.pt'}, which forgot what was asked for before, to"
        aside = kept_aside(out)
        kept = "" if aside is None else f"; the record that is there is kept as {aside.name}"
        retrained = f"retrain {self.retrained.settings.iterations} iterations on the retain set"
        steps = [
            f"{original} {out / 'original.pt'}",
            f"unlearn for at most {recipe.method.unlearning_iterations} iterations: {out / 'unlearned.pt'}",
            f"{retrained}: {out / 'retrained.pt'}" if self.retrain else "retrain nothing: no judge, no speed-up",
            f"write {out / 'record.json'}, record.html, samples.png{kept}",
        ]
        lines = [
            f"{recipe.name}, seed {self.seed}, on {self.device}",
            f"data: {data.name}, {len(data.images)} training images, {len(data.unseen)} unseen, {data.classes} classes",
            f"forget: {recipe.task.describe(data)}, {int(split.forgotten.sum())} training images",
            *_copies(split),
            *_earlier(split, self.earlier),
            *(f"note: {note}" for note in data.notes),
            *beside.passed_over,
            *(f"{i}. {step}" for i, step in enumerate(steps, 1)),
        ]
        return "\n".join(map(printable, lines))  # names of files may hold anything


def prepare_run(
    recipe: Recipe,
    *,
    settings: tuple[str, ...] = (),
    out: Path,
    seed: int = 0,
    device: str | None = None,
    data_root: Path | None = None,
    download: bool = False,
    retrain: bool = False,
    resume: bool = False,
    progress: Progress = BARS,
    show_forgotten: bool = False,
    request_id: str | None = None,
    asked_by: str | None = None,
    run_by: str | None = None,
    earlier: Earlier | None = None,
) -> Run:
    """Returns a checked run; nothing is written by the check, but the data where a download is asked for.

    Raises:
        UnlearningError: if anything in it does not fit.
    """
    if not 0 <= seed < _SEEDS:
        raise UnlearningError(f"--seed {seed} does not fit: expected a whole number from 0 to {_SEEDS - 1}.")
    recipe = with_settings(recipe, settings)
    where = _device(device)
    recipe.training.check(where)
    if download:
        recipe.data.download(data_root)
    data = recipe.load(data_root)
    earlier = earlier or Earlier()
    recipe = replace(recipe, task=recipe.task.in_data(data, seed).together_with(earlier.classes))
    _check_folder(out)
    data = _moved(data, where)
    split = _with_earlier(recipe.task.split(data, seed, conditional=recipe.nets.conditional), earlier)
    if bool(split.forgotten.all()):
        raise UnlearningError("All training images are to be forgotten, or copies of them: leave some to be retained.")
    sha256 = data.sha256
    original, retrained = stages(recipe, split, sha256, seed)
    if earlier.entries:  # it is what the request before has left
        made = {"version": VERSION, "recipe": recipe.name, "after": earlier.entries[-1].sha256}
        original = replace(original, fingerprint=Fingerprint(made))
    return Run(
        recipe,
        split,
        sha256,
        out,
        seed,
        where,
        original,
        retrained,
        retrain=retrain,
        resume=resume,
        progress=progress,
        show_forgotten=show_forgotten,
        origin={"id": request_id, "asked_by": asked_by, "run_by": run_by},
        earlier=earlier,
    )


def stages(recipe: Recipe, split: Split, data_sha256: str, seed: int) -> tuple[Stage, Stage]:
    """Returns the trainings of the original and of the retrained GAN: as many epochs, on all images and on some."""
    data, kept, before = split.data, ~split.forgotten, recipe.before()
    made = {"version": VERSION, "recipe": recipe.name, "seed": seed, "data": data_sha256}
    made = {**made, **recipe.training_settings(), **recipe.made_of()}
    chosen = {**made, **recipe.task.choice()}
    # A list of files may be another today, and copies were not always forgotten too. The hash is of rows: one of
    # pixels would tell whose they are.
    if recipe.task.named_files() or not torch.equal(split.asked, split.forgotten):
        chosen["forgotten"] = tensors_sha256(split.forgotten)
    fewer = replace(recipe.training, iterations=recipe.training.iterations_on(int(kept.sum()), len(data.images)))
    return (
        Stage("original", recipe.training, data, torch.ones_like(kept), seed, Fingerprint(made, before)),
        Stage("retrained", fewer, data, kept, seed, Fingerprint(chosen, before)),
    )


def _with_earlier(split: Split, earlier: Earlier) -> Split:
    if not earlier.entries:
        return split
    named = earlier.rows(split.data.images, split.data.labels)
    if not bool((split.forgotten & ~named).any()):
        raise UnlearningError(
            "Earlier requests have named all that is to be forgotten: ask for something else, or leave out --after."
        )
    return replace(split, forgotten=split.forgotten | named, earlier=named)


def _earlier(split: Split, earlier: Earlier) -> list[str]:
    """Returns a line about the earlier requests; none where there are none."""
    if split.earlier is None:
        return []
    return [f"  with {int(split.earlier.sum())} training images of {len(earlier.entries)} earlier requests"]


def _copies(split: Split) -> list[str]:
    """Returns a line about the copies that join the request; none where there are none."""
    joined = split.forgotten & ~split.asked
    rows = (joined if split.earlier is None else joined & ~split.earlier).nonzero().flatten().tolist()
    files = split.data.files
    named = [str(files[i]) if files else f"number {i}" for i in rows]
    return [f"  with {len(rows)} copies of what was asked for: {told(named)}"] if rows else []


def _moved(data: ImageData, device: torch.device) -> ImageData:
    fields = ("images", "labels", "unseen", "unseen_labels")
    moved = {name: getattr(data, name).to(device) for name in fields}
    for name in ("images", "unseen"):
        moved[name] = moved[name].contiguous(memory_format=torch.channels_last)
    return replace(data, **moved)


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


def _check_folder(out: Path) -> None:
    nearest = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise UnlearningError(f"Cannot write into {out}: {nearest} is not a folder that you may write to; give --out.")
