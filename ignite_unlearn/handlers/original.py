"""What a phase keeps of the original GAN: the frozen teacher, where it makes what, and the substitutes it makes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ignite_unlearn.forget.forget import Forget, LatentRegions
from ignite_unlearn.gan.borrow import borrow, step_seed
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.weights import load_weights, same_weights
from ignite_unlearn.handlers.replaced_rows import substitute_rows
from ignite_unlearn.utils.distributed import share

_REGIONS, _SUBSTITUTES = 0, 2  # what a random number stream is for


class Original:
    """The original GAN, frozen at the moment that this object is made.

    Args:
        gan: the GAN to copy.
        forget: the request.
        seed: of the random numbers drawn here.
    """

    def __init__(self, gan: GAN, forget: Forget, seed: int):
        self.teacher = gan.teacher()
        self._forget = forget
        self.seed = seed
        self._regions: LatentRegions | None = None

    @property
    def regions(self) -> LatentRegions:
        """Where the teacher makes forgotten and retained images; looked up at the first use."""
        if self._regions is None:
            with borrow(seed=step_seed(self.seed, _REGIONS)):
                self._regions = self._forget.regions(self.teacher)
        return self._regions

    def substitute(self, batch: Any, gan: GAN, forgotten: Tensor, counter: int) -> Any:
        """Returns a copy of ``batch`` whose forgotten rows are the teacher's images of retained latents.

        Args:
            batch: the loop's batch.
            gan: knows where its images and labels are.
            forgotten: bool mask ``(N,)``.
            counter: numbers the batches, so that each draws its own latents.
        """
        regions = self.regions  # looked up before the stream below begins

        def make(n: int, rows: Tensor) -> tuple[Tensor, Tensor | None]:
            latents, labels = regions.retained(n)
            latents, labels = latents[rows], None if labels is None else labels[rows]
            images = self.teacher.sample(len(latents), labels, latents=latents)
            return images, self._forget.substitute_labels(images, labels)

        with borrow(seed=step_seed(self.seed, _SUBSTITUTES, counter)):
            return substitute_rows(batch, gan.batch, forgotten, make)

    def settle(self, gan: GAN) -> None:
        """Makes sure that all processes have one original, and warns where the GAN is the original no more.

        Args:
            gan: the GAN that the phase is about to change.
        """
        nets = (self.teacher.generator, self.teacher.discriminator)
        # One original for all: from replicas' own statistics each would find other latents.
        share(t for net in nets for t in (*net.parameters(), *net.buffers()))
        if not same_weights(gan.generator, self.teacher.generator):
            warnings.warn(
                "The generator's weights changed between attach() and the first iteration: does a handler of "
                "Events.STARTED initialise the nets anew? For the original GAN the phase takes them as they were at "
                "attach(): remove that handler, or load the trained weights after it and attach then.",
                stacklevel=2,
            )

    def state_dict(self) -> dict[str, Any]:
        """Returns the teacher's weights and the seed."""
        return {
            "generator": self.teacher.generator.state_dict(),
            "discriminator": self.teacher.discriminator.state_dict(),
            "seed": self.seed,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads the teacher's weights and the seed.

        Raises:
            UnlearningError: if they are of other nets.
        """
        load_weights(self.teacher.generator, state["generator"], "generator")
        load_weights(self.teacher.discriminator, state["discriminator"], "discriminator")
        self.seed, self._regions = int(state["seed"]), None
