"""The cascade that chooses its parts, measures itself and ends by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ignite_unlearn.cascade.cascade import CascadedUnlearning
from ignite_unlearn.forget.forget import Forget
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.handlers.phase import UnlearningPhase
from ignite_unlearn.recipes.methods.method import Material
from ignite_unlearn.recipes.nets.nets import Nets
from ignite_unlearn.recipes.settings import setting


@dataclass(frozen=True)
class ByItself:
    """What a script gets by ``CascadedUnlearning(gan, forget=..., unseen=...)``; see :class:`.Method`."""

    unlearning_iterations: int = setting(600, "iterations after which the phase ends at the latest", at_least=1)
    name: ClassVar[str] = "cascade"
    every: ClassVar[int] = 64  # at most: bursts of four, and pauses of up to 256 learning steps

    def check(self, nets: Nets) -> None:
        """Takes any nets."""

    def phase(self, gan: GAN, forget: Forget, material: Material) -> CascadedUnlearning:
        """Returns the cascade; see :class:`.Method`."""
        images, labels = material.split.calibration
        return CascadedUnlearning(
            gan,
            forget=forget,
            unseen=images if gan.labels is None else (images, labels),
            max_iterations=self.unlearning_iterations,
            seed=material.seed,
        )

    def aim(self, phase: UnlearningPhase) -> GAN | None:
        """Returns None: the phase measures by itself what it has reached."""
        return None

    def told(self) -> Mapping[str, Any]:
        """Returns that the phase chooses."""
        return {"substitution": "chosen", "fake_label": "chosen"}
