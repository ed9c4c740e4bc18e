"""Classes of a GAN that knows none, to be forgotten; a classifier finds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import ForgetClasses
from ignite_unlearn.forget.kept_inversion import KeptInversion
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.recipes.data.split import Split
from ignite_unlearn.recipes.nets.nets import Nets
from ignite_unlearn.recipes.settings import setting
from ignite_unlearn.recipes.tasks.classes import Classes
from ignite_unlearn.recipes.tasks.found_evaluation import FoundEvaluation
from ignite_unlearn.recipes.tasks.instruments import Instruments
from ignite_unlearn.recipes.tasks.task import QuickEvaluation


@dataclass(frozen=True)
class FoundClasses(Classes):
    """Forget classes of a GAN without labels; see :class:`.Task`."""

    pool: int = setting(256, "latents of forgotten images that are looked up", at_least=1)
    _shown_below: ClassVar[float] = 0.01  # without labels: images between classes will not do

    def check(self, nets: Nets) -> None:
        """Refuses nets that take labels.

        Raises:
            UnlearningError: if these do.
        """
        if nets.conditional:
            raise UnlearningError("Classes are looked for in images, and these nets take labels: use Classes.")

    def forget(self, split: Split, guide: nn.Module, kept: KeptInversion, *, progress: bool) -> ForgetClasses:
        """Returns the request; the guide tells where the classes are."""
        return ForgetClasses(self.classes, classifier=guide, pool=self.pool)

    def evaluation(
        self, instruments: Instruments, split: Split, original: GAN, *, samples: int, seed: int
    ) -> QuickEvaluation:
        """Returns what counts the classes among the GANs' images."""
        return FoundEvaluation(instruments, split, self.classes, original, samples=samples, seed=seed)
