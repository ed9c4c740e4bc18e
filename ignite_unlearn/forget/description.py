"""What a request to forget is, for whoever looks at it without knowing its class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Description:
    """What a request names and what it holds.

    Attributes:
        kind: ``"classes"``, ``"items"``, or a word of its own; a record has it.
        classes: the forgotten classes; empty where it names none.
        classify: ``images (N, ...) -> classes (N,)``, int64, where it was given a classifier.
        images: the images that are to be forgotten, ``(M, ...)``; None where it holds none.
        labels: their class labels ``(M,)``, where it has them.
        unseen: real images ``(K, ...)`` that the GAN was never trained on, where it was given some.
        by_index: its images cannot be recognised in batches, and the data set replaces them by their index.

    Example:
        >>> told = Description("items", images=torch.zeros(3, 1, 4, 4))
        >>> told.count, told.recognised, Description("classes", classes=(7,)).count
        (3, True, None)
        >>> str(told), str(Description("classes", classes=(3, 7)))
        ('3 images', 'classes 3, 7')
    """

    kind: str
    classes: tuple[int, ...] = ()
    classify: Callable[[Tensor], Tensor] | None = None
    images: Tensor | None = None
    labels: Tensor | None = None
    unseen: Tensor | None = None
    by_index: bool = False

    @property
    def count(self) -> int | None:
        """How many images it holds; None where it holds none."""
        return None if self.images is None else len(self.images)

    @property
    def recognised(self) -> bool:
        """Whether it holds images that can be recognised in batches."""
        return self.images is not None and not self.by_index

    def __str__(self) -> str:
        """What is to be forgotten, in words that hold and confirm no image."""
        named = [f"class {self.classes[0]}"] if len(self.classes) == 1 else []
        named += [f"classes {', '.join(map(str, self.classes))}"] if len(self.classes) > 1 else []
        named += [] if self.count is None else ["1 image" if self.count == 1 else f"{self.count} images"]
        return " and ".join(named) or self.kind

    def nothing(self) -> tuple[Tensor, Tensor | None]:
        """Returns no image and no label, in the form of those that it holds."""
        images = torch.zeros(0, 1, 1, 1) if self.images is None else self.images[:0]
        return images, None if self.labels is None else self.labels[:0]
