"""What a run was asked for, checked before anything is trained or written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.utils.hashing import tensors_sha256
from ignite_unlearn.recipes.data.copies import told, with_copies
from ignite_unlearn.runs.fingerprint import Watched, options_read
from ignite_unlearn.runs.forget_set import asked_images, checked
from ignite_unlearn.runs.noted import Beside, Form, form_of, look_beside
from ignite_unlearn.recipes.training.precision import Precision
from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.recipes.recipe import Recipe, parse_options
from ignite_unlearn.record.folder import kept_aside


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
        show_forgotten: whether ``samples.png`` shows the original's images of what is to be forgotten.
        origin: ``id``, ``asked_by`` and ``run_by`` of the request, for its record.
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
    show_forgotten: bool = False
    origin: Mapping[str, str | None] = field(default_factory=dict)

    @cached_property
    def forgotten(self) -> Tensor:
        """Mask ``(N,)`` of the training images that are to be forgotten; of items, with all copies of theirs."""
        return with_copies(self.asked, self.data.images) if self.recipe.forgets_items else self.asked

    @cached_property
    def asked(self) -> Tensor:
        """Mask ``(N,)`` of the training images that were asked for."""
        return asked_images(self.options, self.data, self.seed)

    @property
    def calibration(self) -> tuple[Tensor, Tensor]:
        """The half of the unseen images, and their labels, that fake labels may look at."""
        half = len(self.data.unseen) // 2
        return self.data.unseen[:half], self.data.unseen_labels[:half]

    @property
    def scoring(self) -> tuple[Tensor, Tensor]:
        """The other half of the unseen images, and their labels, that membership is judged by."""
        half = len(self.data.unseen) // 2
        return self.data.unseen[half:], self.data.unseen_labels[half:]

    @property
    def kinds(self) -> dict[str, tuple[Tensor, Tensor | None]]:
        """The images that scores are shown of, by kind (forget, retain, unseen), with labels if the GAN has them."""
        data, forgotten = self.data, self.forgotten
        unseen, unseen_labels = self.scoring
        found = {
            "forget": (data.images[forgotten], data.labels[forgotten]),
            "retain": (data.images[~forgotten], data.labels[~forgotten]),
            "unseen": (unseen, unseen_labels),
        }
        return {kind: (images, labels if self.recipe.conditional else None) for kind, (images, labels) in found.items()}

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """Everything that the original GAN depends on, every option that its training reads, and no other."""
        return {"recipe": self.recipe.name, "seed": self.seed, "data": self.data.sha256, **self._original[0]}

    @cached_property
    def retain_fingerprint(self) -> dict[str, Any]:
        """Everything that the retrained GAN depends on, the same, and every option that names what is forgotten."""
        watched = Watched(self.options)
        _ = replace(self, options=watched).asked
        found = self.fingerprint | {key: value for key, value in self.options.items() if key in watched.read}
        # A list of files may be another today, and copies were not always forgotten too. The hash is of rows: one of
        # pixels would tell whose they are.
        more = bool(self.options.get("files")) or not torch.equal(self.asked, self.forgotten)
        return found | ({"forgotten": tensors_sha256(self.forgotten)} if more else {})

    @property
    def kept_original(self) -> Beside:
        """The folder beside ``out`` that holds an original GAN made in the same way, if there is one."""
        return look_beside(self.out, "original", self.fingerprint, self._original[1])

    @cached_property
    def _original(self) -> tuple[dict[str, Any], Form]:
        """The options that the original's training reads, and the form of its nets."""
        options, nets = options_read(self.recipe, self.options, self.data, self.device)
        form = form_of(nets)
        assert form is not None
        return options, form

    def gan(self, generator: nn.Module, discriminator: nn.Module) -> GAN:
        """Returns the two nets, thawed, as a GAN that knows how they are called."""
        discriminator.requires_grad_(True)
        labels = self.data.classes if self.recipe.conditional else None
        return GAN(generator.eval(), discriminator.eval(), latents=(self.options["latent"],), labels=labels)

    def iterations(self, images: int) -> int:
        """Returns how many iterations a training on so many images takes: as many epochs as the original's."""
        return max(1, round(self.options["iterations"] * images / len(self.data.images)))

    def plan(self) -> str:
        """Returns what the run would do, in words."""
        data, options, out = self.data, self.options, self.out
        original = "load" if (out / "original.pt").exists() else f"train {options['iterations']} iterations for"
        beside = self.kept_original
        if beside.folder is not None:
            original = f"copy {beside.folder / 'original.pt'}, made in the same way, to"
        aside = kept_aside(out)
        kept = "" if aside is None else f"; the record that is there is kept as {aside.name}"
        what = "items" if self.recipe.forgets_items else f"classes {', '.join(map(data.named, options['classes']))}"
        retrained = f"retrain {self.iterations(int((~self.forgotten).sum()))} iterations on the retain set"
        steps = [
            f"{original} {out / 'original.pt'}",
            f"unlearn for at most {options['unlearning_iterations']} iterations: {out / 'unlearned.pt'}",
            f"{retrained}: {out / 'retrained.pt'}" if self.retrain else "retrain nothing: no judge, no speed-up",
            f"write {out / 'record.json'}, record.html, samples.png{kept}",
        ]
        return "\n".join([
            f"{self.recipe.name}, seed {self.seed}, on {self.device}",
            f"data: {data.name}, {len(data.images)} training images, {len(data.unseen)} unseen, {data.classes} classes",
            f"forget: {what}, {int(self.forgotten.sum())} training images",
            *self._copies(),
            *(f"note: {note}" for note in data.notes),
            *beside.passed_over,
            *(f"{i}. {step}" for i, step in enumerate(steps, 1)),
        ])  # fmt: skip

    def _copies(self) -> list[str]:
        """Returns a line about the copies that join the request; none where there are none."""
        rows = (self.forgotten & ~self.asked).nonzero().flatten().tolist()
        named = [str(self.data.files[i]) if self.data.files else f"number {i}" for i in rows]
        return [f"  with {len(rows)} copies of what was asked for: {told(named)}"] if rows else []


def check_request(
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
    progress: bool = True,
    show_forgotten: bool = False,
    request_id: str | None = None,
    asked_by: str | None = None,
    run_by: str | None = None,
) -> Request:
    """Returns a checked request; nothing is written by the check, but the data where a download is asked for.

    Raises:
        UnlearningError: if anything in it does not fit.
    """
    options = parse_options(recipe, settings)
    where = _device(device)
    Precision(options.get("precision", "float32"), where)  # refuses what the device cannot do
    if download:
        _download(recipe, data_root)
    data = recipe.load_data(data_root, options)
    options = checked(options, data, seed)
    _check_folder(out)
    fields = ("images", "labels", "unseen", "unseen_labels")
    moved = {name: getattr(data, name).to(where) for name in fields}
    for name in ("images", "unseen"):
        moved[name] = moved[name].contiguous(memory_format=torch.channels_last)
    data = replace(data, **moved)
    origin = {"id": request_id, "asked_by": asked_by, "run_by": run_by}
    request = Request(recipe, options, data, out, seed, where, retrain, resume, progress, show_forgotten, origin)
    if bool(request.forgotten.all()):
        raise UnlearningError("All training images are to be forgotten, or copies of them: leave some to be retained.")
    return request


def _download(recipe: Recipe, folder: Path | None) -> None:
    if recipe.download is None:
        raise UnlearningError(f"{recipe.name} has nothing to download: leave --download out.")
    if folder is None:
        raise UnlearningError("--download needs a folder for the data: give it with --data-root.")
    recipe.download(folder)


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
