"""Classes of a conditional GAN, to be forgotten."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from ignite_unlearn.audits import Audit
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import Classifier, ForgetClasses
from ignite_unlearn.forget.kept_inversion import KeptInversion
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.recipes.audit_budget import AuditBudget
from ignite_unlearn.recipes.data.class_names import class_numbers
from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.recipes.data.split import Split, halves
from ignite_unlearn.recipes.nets.nets import Nets
from ignite_unlearn.recipes.settings import setting
from ignite_unlearn.recipes.tasks.class_audits import class_audits
from ignite_unlearn.recipes.tasks.class_evaluation import ClassEvaluation
from ignite_unlearn.recipes.tasks.instruments import Instruments
from ignite_unlearn.recipes.tasks.task import QuickEvaluation
from ignite_unlearn.recipes.training.training import Training

_ClassesT = TypeVar("_ClassesT", bound="Classes")


@dataclass(frozen=True)
class Classes:
    """Forget classes of a GAN that takes labels; see :class:`.Task`."""

    classes: tuple[int, ...] = setting((3,), "the classes to forget")
    earlier: tuple[int, ...] = ()  # those among them that earlier runs have forgotten
    kind: ClassVar[str] = "classes"
    quick: ClassVar[bool] = True
    hides_data: ClassVar[bool] = False
    _shown_below: ClassVar[float] = 0.1  # a probability; images between classes will not do

    def check(self, nets: Nets) -> None:
        """Refuses nets that take no labels.

        Raises:
            UnlearningError: if these do not.
        """
        if not nets.conditional:
            raise UnlearningError("Classes are forgotten by label, and these nets take none: use FoundClasses.")

    def named_files(self) -> list[str]:
        """Returns none."""
        return []

    def in_data(self: _ClassesT, data: ImageData, seed: int) -> _ClassesT:
        """Returns the request with classes by number.

        Raises:
            UnlearningError: if one is not in the data, or none would be left.
        """
        numbers, present = class_numbers(self.classes, data), sorted(set(data.labels.tolist()))
        absent = [k for k in numbers if k not in present]
        if absent:
            raise UnlearningError(
                f"Class {absent[0]} is not in the data: {data.name} has classes {present[0]} to {present[-1]}."
            )
        if set(numbers) == set(present):
            raise UnlearningError("All classes would be forgotten: leave at least one to be retained.")
        return replace(self, classes=numbers)

    def together_with(self: _ClassesT, classes: Sequence[int]) -> _ClassesT:
        """Returns the request with these classes too."""
        if not classes:
            return self
        # One that is asked for again is forgotten again.
        earlier = tuple(sorted(set(classes) - set(self.classes)))
        return replace(self, classes=tuple(sorted({*self.classes, *classes})), earlier=earlier)

    def choice(self) -> Mapping[str, Any]:
        """Returns the classes."""
        return {"classes": self.classes}

    def split(self, data: ImageData, seed: int, *, conditional: bool) -> Split:
        """Returns the images; a phase may look at all unseen ones, since classes are judged by others."""
        chosen = torch.isin(data.labels, torch.tensor(self.classes, device=data.labels.device))
        return Split(data, chosen, chosen, (data.unseen, data.unseen_labels), halves(data)[1], conditional)

    def describe(self, data: ImageData) -> str:
        """Returns the classes, by number and name."""
        return f"classes {', '.join(map(data.named, self.classes))}"

    def forget(self, split: Split, guide: nn.Module, kept: KeptInversion, *, progress: bool) -> ForgetClasses:
        """Returns the request; labels tell where the classes are."""
        return ForgetClasses(set(self.classes) - set(self.earlier)).together_with(self.earlier)

    def left(self, guide: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
        """Returns what asks the guide."""
        return lambda images, own: guide(images).softmax(1)[:, list(self.classes)].sum(1) < self._shown_below

    def label_seed(self, seed: int) -> int:
        """Returns the run's."""
        return seed

    def evaluation(
        self, instruments: Instruments, split: Split, original: GAN, *, samples: int, seed: int
    ) -> QuickEvaluation:
        """Returns what asks the GANs for each class."""
        return ClassEvaluation(instruments, split, self.classes, samples=samples, seed=seed)

    def audits(
        self,
        split: Split,
        instruments: Instruments,
        gans: Mapping[str, GAN],
        training: Training,
        budget: AuditBudget,
    ) -> list[Audit]:
        """Returns whether members are known, the classes can be searched for, or come back quickly."""
        return class_audits(self.classes, split, instruments, gans, training, budget)

    def blanked(
        self, images: Tensor, labels: Tensor | None, split: Split, classifier: Classifier, *, original: bool
    ) -> Tensor:
        """Returns images of which those of a forgotten class are white."""
        classes = torch.tensor(self.classes)
        hidden = torch.isin(classifier(images).argmax(1).cpu(), classes)
        if labels is not None:
            asked = torch.isin(labels.cpu(), classes)
            hidden = asked if original else asked & hidden
        images = images.clone()
        images[hidden] = 1
        return images

    def limits(self, instruments: Instruments) -> Sequence[str]:
        """Returns how well classes are counted."""
        return (f"The classifier that counts classes is right on {instruments.accuracy:.1%} of unseen real images.",)


@dataclass(frozen=True)
class NamedClasses(Classes):
    """The same of classes that only the data knows, named by folders, or ``#2`` for the third."""

    classes: tuple[str, ...] = setting((), "the classes to forget")  # type: ignore[assignment]
