"""The GANs of a run on disk: trained where they are missing, loaded where they are not, and what they took."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.utils.files import save_released, save_weights
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.runs.fingerprint import differences
from ignite_unlearn.runs.noted import nets_sha256, read_noted
from ignite_unlearn.runs.notes import add_note, read_note
from ignite_unlearn.runs.request import Request
from ignite_unlearn.runs.stages import train
from ignite_unlearn.recipes.training.gan_training import GANTraining
from ignite_unlearn.gan.weights import load_weights

logger = logging.getLogger(__name__)

NETS = ("generator", "discriminator")


@dataclass(frozen=True)
class Trained:
    """A trained GAN, and the seconds and iterations that it took; None where nobody knows."""

    gan: GAN
    seconds: float | None
    iterations: int | None


class Shelf:
    """The folder where a run keeps its GANs, with a note in ``stages.json`` of how each was made.

    Args:
        request: the run.
    """

    def __init__(self, request: Request):
        self._request = request

    def nets(self) -> tuple[nn.Module, nn.Module]:
        """Returns a new generator and discriminator, initialised by the run's seed."""
        request = self._request
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(request.seed)
            generator = request.recipe.generator(request.options, request.data)
            discriminator = request.recipe.discriminator(request.options, request.data)
        # Together with fused Adam a third faster on a CPU (68 to 45 ms an iteration of digits-class).
        for net in (generator, discriminator):
            net.to(request.device).to(memory_format=torch.channels_last)
        return generator, discriminator

    def original(self) -> Trained:
        """Returns the original GAN: ``original.pt`` where it is there, else trained on all images.

        Raises:
            UnlearningError: if the file is of other nets, or was made by another seed or other options.
        """
        self._borrow_original()
        if (self._request.out / "original.pt").exists():
            return self._load("original", self._request.fingerprint)
        return self._train("original", torch.ones_like(self._request.forgotten), self._request.fingerprint)

    def retrained(self) -> Trained:
        """Returns the GAN trained for as many epochs on the retain set alone; an old one only when resuming.

        Raises:
            UnlearningError: if the file that is there is not the one that its note is about.
        """
        fingerprint = self._request.retain_fingerprint
        note = read_note(self._request.out, "retrained")
        if self._request.resume and note is not None and not differences(note.get("fingerprint", {}), fingerprint):
            return self._load("retrained", fingerprint)
        return self._train("retrained", ~self._request.forgotten, fingerprint)

    def finished(self, name: str) -> Trained:
        """Returns a GAN of a finished run, which trains nothing.

        Raises:
            UnlearningError: if it is missing, of other nets, or not what the run made. An original that somebody put
                there, of which nothing is noted, is taken as it is.
        """
        if name != "original" and read_note(self._request.out, name) is None:
            raise UnlearningError(
                f"{self._request.out / 'stages.json'} says nothing of {name}.pt, which may be any: put the run's "
                "stages.json back, or run again."
            )
        made = {"original": self._request.fingerprint, "retrained": self._request.retain_fingerprint}
        return self._load(name, made.get(name, {}))

    def save(self, name: str, gan: GAN, **note: Any) -> None:
        """Saves a GAN's weights, and a note of how it was made."""
        state = {"generator": gan.generator.state_dict(), "discriminator": gan.discriminator.state_dict()}
        save_weights(self._request.out / f"{name}.pt", state)
        if name == "unlearned":
            save_released(self._request.out / f"{name}.safetensors", state)
        add_note(self._request.out, name, {**note, "sha256": nets_sha256(state)})

    def _load(self, name: str, fingerprint: Mapping[str, Any]) -> Trained:
        path = self._request.out / f"{name}.pt"
        state, note = read_noted(self._request.out, name)
        nets = dict(zip(NETS, self.nets(), strict=True))
        for key, net in nets.items():
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
        gan = self._request.gan(nets["generator"], nets["discriminator"])
        if note is None:  # a file that somebody put there
            return Trained(gan, None, None)
        different = differences(note.get("fingerprint", {}), fingerprint) if fingerprint else []
        if different:
            raise UnlearningError(
                f"{path} was made by {', '.join(different)}: give another --out, the same seed and options, or delete "
                "the file."
            )
        return Trained(gan, note.get("seconds"), note.get("iterations"))

    def _train(self, name: str, rows: Tensor, fingerprint: Mapping[str, Any]) -> Trained:
        request = self._request
        generator, discriminator = self.nets()
        # As many epochs for every GAN, so fewer iterations on fewer images.
        iterations = request.iterations(int(rows.sum()))
        training = GANTraining(
            generator, discriminator, request.recipe.learning_step, {**request.options, "iterations": iterations}
        )
        seconds = train(
            training,
            request.data.images[rows],
            request.data.labels[rows],
            iterations=iterations,
            batch_size=request.options["batch_size"],
            seed=request.seed,
            fingerprint=fingerprint,
            title=name,
            folder=request.out,
            resume=request.resume,
            progress=request.progress,
        )
        gan = request.gan(training.average, discriminator)
        self.save(name, gan, seconds=seconds, iterations=iterations, fingerprint=dict(fingerprint))
        return Trained(gan, seconds, iterations)

    def _borrow_original(self) -> None:
        """Copies the original of a run in a sibling folder that was made in the same way, if there is one."""
        beside = self._request.kept_original
        for sentence in beside.passed_over:
            logger.info(sentence)
        if beside.folder is not None:
            state, note = read_noted(beside.folder, "original")
            save_weights(self._request.out / "original.pt", state)
            add_note(self._request.out, "original", note or {})
