"""What a recipe forgets, and how it is told whether that was forgotten: everything that differs by kind of request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from torch import Tensor, nn

from ignite_unlearn.audits import Audit
from ignite_unlearn.forget.forget import Classifier, Forget
from ignite_unlearn.forget.kept_inversion import KeptInversion
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.recipes.audit_budget import AuditBudget
from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.recipes.data.split import Split
from ignite_unlearn.recipes.nets.nets import Nets
from ignite_unlearn.recipes.tasks.instruments import Instruments
from ignite_unlearn.recipes.training.training import Training


class Evaluation(Protocol):
    """Measures GANs on fixed latents, so that the numbers of different GANs compare."""

    @property
    def made(self) -> int:
        """How many images the distances are measured on."""

    def features(self, gan: GAN) -> np.ndarray:
        """Returns the features of the GAN's images."""

    def __call__(self, gan: GAN, retrained: np.ndarray | None = None) -> dict[str, Any]:
        """Returns all numbers of a GAN; ``retrained`` are the features of the retrained GAN's images, if any."""

    def memory(self, gan: GAN) -> dict[str, float]:
        """Returns the numbers that may come back when learning goes on after the phase; none where there are none."""


class QuickEvaluation(Evaluation, Protocol):
    """An evaluation that can be made every few iterations."""

    def quick(self, gan: GAN) -> dict[str, float]:
        """Returns the forgotten share and the FID alone."""

    def share(self, gan: GAN) -> float:
        """Returns the forgotten share alone."""


class Task(Protocol):
    """A request to forget: a frozen dataclass, whose settings ``--set`` can change."""

    @property
    def kind(self) -> str:
        """What records call such a request, ``"classes"`` or ``"items"``."""

    @property
    def classes(self) -> tuple[Any, ...]:
        """The numbers of the forgotten classes; none where it forgets other things."""

    @property
    def quick(self) -> bool:
        """Whether its evaluation is a :class:`QuickEvaluation`, by which a phase can be stopped."""

    @property
    def hides_data(self) -> bool:
        """Whether records are silent about the hash of all data, since whoever has all but a few could try them out."""

    def check(self, nets: Nets) -> None:
        """Checks that such nets can be asked to forget this.

        Raises:
            UnlearningError: if they cannot.
        """

    def named_files(self) -> list[str]:
        """Returns the names of files that are to be forgotten; none where none is named."""

    def in_data(self, data: ImageData, seed: int) -> Task:
        """Returns the request in the data's own terms, such as classes by number.

        Raises:
            UnlearningError: if what is to be forgotten is not in the data, or is all of it.
        """

    def together_with(self, classes: Sequence[int]) -> Task:
        """Returns the request with classes that were forgotten before; of items itself."""

    def choice(self) -> Mapping[str, Any]:
        """Returns the settings that say which images are forgotten: a retrained GAN depends on them."""

    def split(self, data: ImageData, seed: int, *, conditional: bool) -> Split:
        """Returns the images, parted by the request."""

    def describe(self, data: ImageData) -> str:
        """Returns what is forgotten, in words."""

    def forget(self, split: Split, guide: nn.Module, kept: KeptInversion, *, progress: bool) -> Forget:
        """Returns the request as a phase takes it.

        Args:
            split: the images.
            guide: a classifier that a phase may use.
            kept: keeps what an inversion finds.
            progress: whether to show a bar meanwhile.
        """

    def left(self, guide: nn.Module) -> Callable[[Tensor, Tensor], Tensor] | None:
        """Returns what tells that images show the forgotten classes no more; None where nobody knows."""

    def label_seed(self, seed: int) -> int:
        """Returns the seed of what fake labels draw, in a run of this seed."""

    def evaluation(
        self, instruments: Instruments, split: Split, original: GAN, *, samples: int, seed: int
    ) -> Evaluation:
        """Returns what measures the run's GANs.

        Args:
            instruments: what it measures with.
            split: the images.
            original: the original GAN.
            samples: how many images are made, of each class where there are labels.
            seed: of the latents.
        """

    def audits(
        self,
        split: Split,
        instruments: Instruments,
        gans: Mapping[str, GAN],
        training: Training,
        budget: AuditBudget,
    ) -> list[Audit]:
        """Returns what a GAN that forgot is to pass.

        Args:
            split: the images.
            instruments: what is measured with.
            gans: by name, with ``"original"`` among them, whose level says what would have come back.
            training: the recipe's, in which is learned anew.
            budget: what the audits may spend.
        """

    def blanked(
        self, images: Tensor, labels: Tensor | None, split: Split, classifier: Classifier, *, original: bool
    ) -> Tensor:
        """Returns samples ``(N, C, H, W)`` of which those that show what is to be forgotten are white.

        Args:
            images: generated images.
            labels: under which they were made ``(N,)``; None: the GAN takes none.
            split: the images of the run.
            classifier: tells which class an image shows.
            original: whether they are the original GAN's, which is sure to show what it was asked for.
        """

    def limits(self, instruments: Instruments) -> Sequence[str]:
        """Returns what a record of the run does not show, besides what no record does."""
