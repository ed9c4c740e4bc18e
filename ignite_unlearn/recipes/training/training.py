"""How a recipe's GAN is trained: the settings of its loop, and the loss that both nets descend."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.recipes.settings import setting
from ignite_unlearn.recipes.training.learning_steps import Hinge, LearningStep, NonSaturatingR1
from ignite_unlearn.recipes.training.precision import PRECISIONS, Precision

COMPILERS = ("none", "inductor", "aot_eager", "eager")  # torch.compile's backends; the last two to find faults with
_TWICE = ("none", "eager")  # of which a gradient has gradients


@dataclass(frozen=True)
class Training:
    """The training of the original and of the retrained GAN.

    Attributes:
        loss: a learning step of both nets.
    """

    iterations: int = setting(3500, "learning steps of the original", at_least=1)
    batch_size: int = setting(64, "images in a learning step", at_least=2)
    precision: str = setting("float32", "of the losses", choices=PRECISIONS, before="float32")
    compile: str = setting(
        "none", "torch.compile's backend for the original's training", choices=COMPILERS, before="none", speed=True
    )
    loss: LearningStep = field(default_factory=Hinge)
    g_lr: float = setting(
        4e-4, "the generator's learning rate at first; in the end, and while unlearning, a tenth", above=0
    )
    d_lr: float = setting(8e-4, "the discriminator's learning rate, likewise", above=0)

    def check(self, device: torch.device) -> None:
        """Refuses what a device cannot do, and a compiler that cannot differentiate what the loss does.

        Raises:
            UnlearningError: if it cannot.
        """
        Precision(self.precision, device)
        if isinstance(self.loss, NonSaturatingR1) and self.compile not in _TWICE:
            raise UnlearningError(
                f"--set compile={self.compile} cannot differentiate twice, as a penalty on slopes needs: leave it out."
            )

    def iterations_on(self, images: int, of: int) -> int:
        """Returns how many iterations a training on so many images takes: as many epochs as on all of them."""
        return max(1, round(self.iterations * images / of))
