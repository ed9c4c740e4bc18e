"""The GANs of a run on disk: trained where they are missing, loaded where they are not, and what they took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.files import read_weights, save_released, save_weights
from ignite_unlearn.gan import GAN
from ignite_unlearn.metrics.features import tensors_sha256
from ignite_unlearn.recipes.fingerprint import differences
from ignite_unlearn.recipes.notes import add_note, read_notes
from ignite_unlearn.recipes.request import Request
from ignite_unlearn.recipes.stages import train
from ignite_unlearn.recipes.training import GANTraining
from ignite_unlearn.weights import load_weights


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
        """Returns the GAN trained for as many epochs on the retain set alone; an old one only when resuming."""
        fingerprint = self._request.retain_fingerprint
        made = read_notes(self._request.out).get("retrained", {}).get("fingerprint")
        if self._request.resume and made is not None and not differences(made, fingerprint):
            return self._load("retrained", fingerprint)
        return self._train("retrained", ~self._request.forgotten, fingerprint)

    def unlearned(self) -> Trained:
        """Returns the unlearned GAN of a finished run.

        Raises:
            UnlearningError: if there is none, or it is of other nets.
        """
        return self._load("unlearned", {})

    def save(self, name: str, gan: GAN, **note: Any) -> None:
        """Saves a GAN's weights, and a note of how it was made."""
        state = {"generator": gan.generator.state_dict(), "discriminator": gan.discriminator.state_dict()}
        save_weights(self._request.out / f"{name}.pt", state)
        if name == "unlearned":
            save_released(self._request.out / f"{name}.safetensors", state)
        add_note(self._request.out, name, {**note, "sha256": _sha256(state)})

    def _load(self, name: str, fingerprint: Mapping[str, Any]) -> Trained:
        path = self._request.out / f"{name}.pt"
        generator, discriminator = self.nets()
        state = read_weights(path)
        for key, net in (("generator", generator), ("discriminator", discriminator)):
            if not isinstance(state.get(key), dict):
                raise UnlearningError(
                    f"{path} has no weights of a {key}: expected a dict with 'generator' and 'discriminator'."
                )
            try:
                load_weights(net, state[key], key)
            except UnlearningError as error:
                raise UnlearningError(f"{path}: {error}") from error
        note = read_notes(self._request.out).get(name, {})
        # A file that somebody put there has no note that is true of it; it is taken as it is.
        known = note.get("sha256") == _sha256(state)
        different = differences(note.get("fingerprint", fingerprint), fingerprint)
        if known and different:
            raise UnlearningError(
                f"{path} was made by {', '.join(different)}: give another --out, the same seed and options, or delete "
                "the file."
            )
        gan = self._request.gan(generator, discriminator)
        return Trained(gan, note["seconds"], note["iterations"]) if known else Trained(gan, None, None)

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
        source = self._request.kept_original
        if source is not None:
            save_weights(self._request.out / "original.pt", read_weights(source / "original.pt"))
            add_note(self._request.out, "original", read_notes(source)["original"])


def _sha256(state: Mapping[str, Mapping[str, Tensor]]) -> str:
    return tensors_sha256(*(tensor for net in ("generator", "discriminator") for tensor in state[net].values()))
