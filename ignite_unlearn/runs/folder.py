"""The folder of a run: its GANs on disk, trained where they are missing, else loaded, and what they took."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.weights import load_weights
from ignite_unlearn.recipes.nets.nets import trained_gan
from ignite_unlearn.recipes.training.gan_training import GANTraining
from ignite_unlearn.runs.checkpoints import checkpoint_path
from ignite_unlearn.runs.long_training import train_long
from ignite_unlearn.runs.progress import BARS, Progress
from ignite_unlearn.runs.provenance import (
    Beside,
    Fingerprint,
    add_note,
    nets_sha256,
    read_note,
    read_noted,
    take_note_back,
)
from ignite_unlearn.runs.run import Stage
from ignite_unlearn.utils.files import save_released, save_weights

_SAVING = "saving"  # in a note: the file that it is about may not be there yet

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """A trained GAN, and the seconds and iterations that it took; None where nobody knows."""

    gan: GAN
    seconds: float | None
    iterations: int | None


@dataclass(frozen=True)
class RunFolder:
    """Where a run keeps its GANs, with a note in ``stages.json`` of how each was made.

    The GANs that its methods are given are new ones, of the nets that are expected; they are changed.

    Attributes:
        path: of the folder.
        progress: what is shown of trainings.
    """

    path: Path
    progress: Progress = BARS

    def take_over(self, name: str, source: Path, taken: str, fingerprint: Fingerprint) -> None:
        """Copies weights of another run folder, and notes where they are from.

        Args:
            name: that they get here.
            source: the other folder.
            taken: their name there.
            fingerprint: by which they are known here.

        Raises:
            UnlearningError: if they are missing, or not what was noted there.
        """
        state, _ = read_noted(source, taken)
        note = {"seconds": None, "iterations": None, "fingerprint": fingerprint.as_note()}
        self._write(name, state, {**note, "sha256": nets_sha256(state)})

    def original(self, gan: GAN, stage: Stage, beside: Beside, *, resume: bool) -> Trained:
        """Returns the original GAN: ``original.pt`` where it is there, or beside, else trained.

        Args:
            gan: a new GAN.
            stage: its training.
            beside: what the folders beside this one hold.
            resume: whether to go on from a checkpoint.

        Raises:
            UnlearningError: if the file is of other nets, or was made by another seed or other options.
        """
        for sentence in beside.passed_over:
            logger.info(sentence)
        if beside.folder is not None:
            self._write(stage.name, *read_noted(beside.folder, stage.name))
        if (self.path / f"{stage.name}.pt").exists() and not (resume and self._half_saved(stage.name)):
            return self._take(gan, stage)
        return self._train(gan, stage, resume)

    def retrained(self, gan: GAN, stage: Stage, *, resume: bool) -> Trained:
        """Returns the GAN that is trained on the retain set alone; an old one only when resuming.

        Args:
            gan: a new GAN.
            stage: its training.
            resume: whether to take what is there, or to go on from a checkpoint.

        Raises:
            UnlearningError: if the file that is there is not the one that its note is about.
        """
        note = read_note(self.path, stage.name)
        done = note is not None and not stage.fingerprint.differences(note.get("fingerprint", {}))
        done = done and (self.path / f"{stage.name}.pt").exists()  # one that was deleted is made again
        if resume and done and not self._half_saved(stage.name):
            return self._take(gan, stage)
        return self._train(gan, stage, resume)

    def finished(self, name: str, gan: GAN, fingerprint: Fingerprint | None) -> Trained:
        """Returns a GAN of a finished run, which trains nothing.

        Args:
            name: of its file.
            gan: a new GAN.
            fingerprint: how it must have been made; None: that is not asked.

        Raises:
            UnlearningError: if it is missing, of other nets, or not what the run made. An original that somebody put
                there, of which nothing is noted, is taken as it is.
        """
        if not (self.path / f"{name}.pt").exists():
            raise UnlearningError(f"{self.path / name}.pt is not there, and cannot be measured: run again.")
        if name != "original" and read_note(self.path, name) is None:
            raise UnlearningError(
                f"{self.path / 'stages.json'} says nothing of {name}.pt, which may be any: put the run's "
                "stages.json back, or run again."
            )
        return self._load(name, gan, fingerprint)

    def save(self, name: str, gan: GAN, **note: Any) -> None:
        """Saves a GAN's weights, and a note of how it was made."""
        state = {key: net.state_dict() for key, net in _nets(gan).items()}
        self._write(name, state, {**note, "sha256": nets_sha256(state)})

    def _write(self, name: str, state: Mapping[str, Any], note: Mapping[str, Any] | None) -> None:
        note, before = note or {}, read_note(self.path, name)
        # The note comes first, since a file without one is taken for somebody's own.
        add_note(self.path, name, {**note, _SAVING: True})
        try:
            save_weights(self.path / f"{name}.pt", state)
            if name == "unlearned":
                save_released(self.path / f"{name}.safetensors", state)
        except UnlearningError:
            take_note_back(self.path, name, before)
            raise
        add_note(self.path, name, note)
        checkpoint_path(self.path, name).unlink(missing_ok=True)

    def _half_saved(self, name: str) -> bool:
        """Returns whether something stopped the saving of a file before it was there."""
        if not (read_note(self.path, name) or {}).get(_SAVING):
            return False
        try:
            read_noted(self.path, name)
        except UnlearningError:
            return True
        return False

    def _load(self, name: str, gan: GAN, fingerprint: Fingerprint | None) -> Trained:
        path = self.path / f"{name}.pt"
        state, note = read_noted(self.path, name)
        for key, net in _nets(gan).items():
            if not isinstance(state.get(key), dict):
                raise UnlearningError(
                    f"{path} has no weights of a {key}: expected a dict with 'generator' and 'discriminator'."
                )
            try:
                load_weights(net, state[key], key)
            except UnlearningError as error:
                raise UnlearningError(f"{path}: {error}") from error
            if not all(bool(tensor.isfinite().all()) for tensor in net.state_dict().values()):
                raise UnlearningError(f"{path} holds weights that are not finite: delete it, or give an intact one.")
        found = trained_gan(gan, gan.generator)
        if note is None:  # a file that somebody put there
            return Trained(found, None, None)
        different = [] if fingerprint is None else fingerprint.differences(note.get("fingerprint", {}))
        if different:
            raise UnlearningError(
                f"{path} was made by {', '.join(different)}: give another --out, the same seed and options, or delete "
                "the file."
            )
        return Trained(found, note.get("seconds"), note.get("iterations"))

    def _take(self, gan: GAN, stage: Stage) -> Trained:
        found = self._load(stage.name, gan, stage.fingerprint)
        logger.info("%s is taken as it is.", self.path / f"{stage.name}.pt")
        if found.iterations is not None:  # made here: what it was made from may be left
            checkpoint_path(self.path, stage.name).unlink(missing_ok=True)
        return found

    def _train(self, gan: GAN, stage: Stage, resume: bool) -> Trained:
        training = GANTraining(gan, stage.settings)
        logger.info(
            "The training of %s.pt begins: %d iterations on %d images.",
            stage.name, stage.settings.iterations, int(stage.rows.sum()),
        )  # fmt: skip
        seconds = train_long(
            training,
            stage.data.images[stage.rows],
            stage.data.labels[stage.rows],
            seed=stage.seed,
            fingerprint=stage.fingerprint,
            title=stage.name,
            folder=self.path,
            resume=resume,
            progress=self.progress,
        )
        made, iterations = trained_gan(gan, training.average), stage.settings.iterations
        note = {"seconds": seconds, "iterations": iterations, "fingerprint": stage.fingerprint.as_note()}
        self.save(stage.name, made, **note)
        logger.info("The training of %s.pt ended after %.1f seconds.", stage.name, seconds)
        return Trained(made, seconds, iterations)


def _nets(gan: GAN) -> dict[str, nn.Module]:
    return {"generator": gan.generator, "discriminator": gan.discriminator}
