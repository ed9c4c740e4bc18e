"""Single training images, to be forgotten."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from ignite_unlearn.audits import Audit
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import Classifier
from ignite_unlearn.forget.inversion import Inversion
from ignite_unlearn.forget.items import ForgetItems
from ignite_unlearn.forget.kept_inversion import KeptInversion
from ignite_unlearn.gan.borrow import step_seed
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.recipes.audit_budget import AuditBudget
from ignite_unlearn.recipes.data.copies import with_copies
from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.recipes.data.split import Split, halves
from ignite_unlearn.recipes.nets.nets import Nets
from ignite_unlearn.recipes.settings import setting
from ignite_unlearn.recipes.tasks.instruments import Instruments
from ignite_unlearn.recipes.tasks.item_audits import item_audits
from ignite_unlearn.recipes.tasks.item_evaluation import ItemEvaluation
from ignite_unlearn.recipes.tasks.task import Evaluation
from ignite_unlearn.recipes.training.training import Training
from ignite_unlearn.record.pictures import blanked
from ignite_unlearn.utils.image_files import find_files, named_files

_ItemsT = TypeVar("_ItemsT", bound="Items")
_COMPARED = 512  # unseen images whose inversion says what error is no sign of memory
_LEAST = 16  # unseen images, of which half may be looked at


@dataclass(frozen=True)
class Items:
    """Forget so many training images, drawn by the seed, and all copies of theirs; see :class:`.Task`."""

    items: int = setting(64, "how many training images to forget", at_least=1)
    first_item: int = setting(0, "which of the seed's order of training images is the first to forget", at_least=0)
    candidates: int = setting(2048, "latents that an inversion begins with", at_least=1)
    inversion_steps: int = setting(0, "gradient steps of an inversion", at_least=0)
    generator_half: str = setting(
        "where_known",
        "when the generator is unlearned; phase: the phase finds out by itself",
        choices=("where_known", "always", "never", "phase"),
    )
    kind: ClassVar[str] = "items"
    classes: ClassVar[tuple[int, ...]] = ()
    quick: ClassVar[bool] = False
    hides_data: ClassVar[bool] = True

    def check(self, nets: Nets) -> None:
        """Takes any nets."""

    def named_files(self) -> list[str]:
        """Returns none."""
        return []

    def in_data(self: _ItemsT, data: ImageData, seed: int) -> _ItemsT:
        """Returns the request itself.

        Raises:
            UnlearningError: if no image would be left, or there are too few unseen ones.
        """
        self._check(data, self.items, self.first_item)
        return self

    def together_with(self: _ItemsT, classes: Sequence[int]) -> _ItemsT:
        """Returns the request itself: earlier items are in the split."""
        return self

    def choice(self) -> Mapping[str, Any]:
        """Returns how many, and the first."""
        return {"items": self.items, "first_item": self.first_item}

    def split(self, data: ImageData, seed: int, *, conditional: bool) -> Split:
        """Returns the images; half of the unseen ones may be looked at by a phase, by the others it is judged."""
        asked = torch.zeros(len(data.labels), dtype=torch.bool)
        asked[self._rows(data, seed)] = True
        asked = asked.to(data.labels.device)
        return Split(data, asked, with_copies(asked, data.images), *halves(data), conditional)

    def describe(self, data: ImageData) -> str:
        """Returns the word; how many images, the run says."""
        return "items"

    def forget(self, split: Split, guide: nn.Module, kept: KeptInversion, *, progress: bool) -> ForgetItems:
        """Returns the request; inversion tells where the images are, as far as the generator knows them."""
        inversion, unseen = None, None
        if self.generator_half in ("where_known", "always"):
            look = Inversion(candidates=self.candidates, steps=self.inversion_steps, progress=progress)
            inversion = kept.keeping(look)
        if self.generator_half == "where_known":
            unseen = split.calibration[0][:_COMPARED]
        first, *later = split.requests
        asked = ForgetItems(first[0], split.given(first[1]), inversion=inversion, unseen=unseen)
        for images, labels in later:
            asked.add(images, split.given(labels))
        return asked

    def left(self, guide: nn.Module) -> Callable[[Tensor, Tensor], Tensor] | None:
        """Returns None: a classifier knows classes, not images."""
        return None

    def label_seed(self, seed: int) -> int:
        """Returns another for each request, so that no two compare with the same unseen images."""
        return step_seed(seed, self.first_item)

    def evaluation(
        self, instruments: Instruments, split: Split, original: GAN, *, samples: int, seed: int
    ) -> Evaluation:
        """Returns what asks whether the items can be told from unseen images."""
        return ItemEvaluation(instruments, split, samples=samples, seed=seed)

    def audits(
        self,
        split: Split,
        instruments: Instruments,
        gans: Mapping[str, GAN],
        training: Training,
        budget: AuditBudget,
    ) -> list[Audit]:
        """Returns whether the items are known to be members, can be made again, or come back quickly."""
        return item_audits(split, gans, training, budget)

    def blanked(
        self, images: Tensor, labels: Tensor | None, split: Split, classifier: Classifier, *, original: bool
    ) -> Tensor:
        """Returns images of which those that come near an item are white."""
        return blanked(images, split.forget[0], split.calibration[0])

    def limits(self, instruments: Instruments) -> Sequence[str]:
        """Returns none."""
        return ()

    def _rows(self, data: ImageData, seed: int) -> Tensor:
        # Nested: the items of a small request are among those of a larger one of the same seed.
        order = torch.randperm(len(data.labels), generator=torch.Generator().manual_seed(seed))
        return order[self.first_item : self.first_item + self.items]

    def _check(self, data: ImageData, items: int, first: int) -> None:
        if not 0 <= first < len(data.images) - items:
            raise UnlearningError(
                f"--set items={items} and --set first_item={first} do not fit: {data.name} has {len(data.images)} "
                "training images, and at least one must be retained."
            )
        if self.generator_half in ("where_known", "phase") and len(data.unseen) < _LEAST:
            without = ", or --set generator_half=never" if self.generator_half == "where_known" else ""
            raise UnlearningError(
                f"{data.name} has {len(data.unseen)} unseen images, and the generator's half of the phase compares "
                f"with at least {_LEAST}: give more in a folder test{without}."
            )


@dataclass(frozen=True)
class NamedItems(Items):
    """The same of images that are named by their files, where any is named."""

    files: str = setting(
        "",
        "which images to forget, in place of items: names separated by commas, or @FILE with one a line",
    )

    def named_files(self) -> list[str]:
        """Returns the names; of a list of files the lines.

        Raises:
            UnlearningError: if there is no such list.
        """
        return named_files(self.files)

    def in_data(self, data: ImageData, seed: int) -> NamedItems:
        """Returns the request with as many items as files are named.

        Raises:
            UnlearningError: if a name is not that of exactly one training image, or as :class:`Items` does.
        """
        if not self.files:
            return super().in_data(data, seed)
        items = len(set(self._rows(data, seed).tolist()))
        self._check(data, items, 0)
        return replace(self, items=items)

    def choice(self) -> Mapping[str, Any]:
        """Returns the names, or as :class:`Items` does where there are none."""
        chosen = {"items": self.items} if self.files else super().choice()
        return {**chosen, "files": self.files}

    def _rows(self, data: ImageData, seed: int) -> Tensor:
        if not self.files:
            return super()._rows(data, seed)
        return torch.tensor(find_files(data.files, named_files(self.files)), dtype=torch.int64)
