"""How a recipe unlearns: a method makes the phase that is attached to the loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ignite_unlearn.forget.forget import Forget
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.handlers.phase import UnlearningPhase
from ignite_unlearn.recipes.data.split import Split
from ignite_unlearn.recipes.methods.choices import Left
from ignite_unlearn.recipes.nets.nets import Nets


@dataclass(frozen=True)
class Material:
    """What a phase may learn from, apart from the loop's own batches.

    Attributes:
        split: the images; of the unseen ones ``calibration`` alone may be looked at.
        left: tells that images have left the forgotten classes; None where nobody knows.
        seed: of the phase.
        label_seed: of what fake labels draw.
    """

    split: Split
    left: Left | None
    seed: int
    label_seed: int


class Method(Protocol):
    """A method of unlearning: a frozen dataclass, whose settings ``--set`` can change."""

    @property
    def name(self) -> str:
        """What records call it."""

    @property
    def unlearning_iterations(self) -> int:
        """Iterations of the phase, at most."""

    @property
    def every(self) -> int:
        """Learning steps from one unlearning step to the next, at most."""

    def check(self, nets: Nets) -> None:
        """Checks that the choices fit such nets.

        Raises:
            UnlearningError: if they do not.
        """

    def phase(self, gan: GAN, forget: Forget, material: Material) -> UnlearningPhase:
        """Returns the phase, to be attached to the loop that trains the GAN."""

    def aim(self, phase: UnlearningPhase) -> GAN | None:
        """Returns a GAN whose images of what is to be forgotten are those that a running phase teaches.

        No phase can learn to show less of a class than it is taught. None where only a classifier knows which latents
        are to be given other images.
        """

    def told(self) -> Mapping[str, Any]:
        """Returns what a record says of the method by name, apart from all settings."""
