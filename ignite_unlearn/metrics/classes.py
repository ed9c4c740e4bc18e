"""What a classifier sees in generated images: the forgotten class's share, and whether the others are still there."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import torch
from ignite.exceptions import NotComputableError
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import Classifier
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.metrics.base import Collected, as_it_is
from ignite_unlearn.metrics.intervals import wilson
from ignite_unlearn.utils.answers import answer, scores_of
from ignite_unlearn.utils.asked import CALL, CLASSES, asks, number


class _Classified(Collected):
    """Collects which class a classifier gives to generated images.

    Args:
        classifier: ``images (N, ...) -> class scores (N, K)``; better not the one that the GAN was trained with.
    """

    @asks(classifier=CALL, output_transform=CALL)
    def __init__(self, classifier: Classifier, *, output_transform: Callable[..., Any] = as_it_is):
        self.classifier = classifier
        super().__init__(output_transform)

    def _classify(self, images: Tensor) -> Tensor:
        nets = [self.classifier] if isinstance(self.classifier, torch.nn.Module) else []
        with borrow(*nets), torch.no_grad():
            return answer("the classifier", scores_of(len(images)), self.classifier, images).argmax(1).cpu()

    def _column(self, name: str) -> Tensor:
        column = self.rows(name)
        if column is None:
            raise NotComputableError(f"{type(self).__name__} needs images before compute().")
        return column


class ClassShare(_Classified):
    """The share of generated images that a classifier gives to the class they were asked for.

    Over the forgotten classes this is the *forgotten share*; over the others, their *class accuracy*.

    Args:
        classifier: ``images (N, ...) -> class scores (N, K)``; better not the one that the GAN was trained with.
        output_transform: from the engine's output to what :meth:`update` takes.

    Example:
        >>> import torch
        >>> share = ClassShare(lambda images: torch.nn.functional.one_hot(images.long(), 3))
        >>> share.update((torch.tensor([0, 1, 2, 2]), torch.tensor([0, 1, 1, 2])))
        >>> share.compute(), share.by_class()
        (0.75, {0: 1.0, 1: 0.5, 2: 1.0})
    """

    def update(self, output: tuple[Tensor, Tensor]) -> None:
        """Adds ``(generated images (N, ...), asked labels (N,))``."""
        images, labels = output
        self.add("found", self._classify(images))
        self.add("asked", labels.long())

    def compute(self) -> float:
        """Returns the share over all images."""
        return float((self._column("found") == self._column("asked")).double().mean())

    def interval(self, *, level: float = 0.95) -> tuple[float, float]:
        """Returns Wilson's interval (1927) of the share."""
        hits = self._column("found") == self._column("asked")
        return wilson(int(hits.sum()), len(hits), level=level)

    def by_class(self) -> dict[int, float]:
        """Returns the share of each class."""
        found, asked = self._column("found"), self._column("asked")
        return {int(k): float((found[asked == k] == k).double().mean()) for k in asked.unique()}


class PUL(_Classified):
    """Percentage of unlearning: by how much per cent fewer images show a forgotten class (Tiwary et al. 2023).

    ``100 (n_original - n) / n_original``, n being how many of equally many samples of an unconditional GAN a classifier
    gives to the forgotten classes (arXiv 2309.14054). Below zero, where they became more.

    Args:
        classifier: ``images (N, ...) -> class scores (N, K)``.
        classes: the forgotten classes.
        original_share: the share of the original GAN's samples that show them, such as this metric's :meth:`share`.
        output_transform: from the engine's output to what :meth:`update` takes.

    Raises:
        UnlearningError: if the original never showed them.

    Example:
        >>> import torch
        >>> pul = PUL(lambda images: torch.nn.functional.one_hot(images.long(), 3), {2}, original_share=0.5)
        >>> pul.update(torch.tensor([0, 1, 2, 0, 1, 0, 1, 0, 0, 0]))
        >>> pul.compute()
        80.0
    """

    @asks(classes=CLASSES, original_share=number())
    def __init__(
        self,
        classifier: Classifier,
        classes: Collection[int],
        *,
        original_share: float = 1.0,
        output_transform: Callable[..., Any] = as_it_is,
    ):
        if not 0 < original_share <= 1:
            raise UnlearningError(
                f"PUL(original_share={original_share}): there is nothing to unlearn, or it is no share in (0, 1]."
            )
        self.classes = tuple(sorted(classes))
        self.original_share = original_share
        super().__init__(classifier, output_transform=output_transform)

    def update(self, output: Tensor) -> None:
        """Adds generated images ``(N, ...)``."""
        self.add("found", self._classify(output))

    def share(self) -> float:
        """Returns the share of images that show a forgotten class."""
        return float(torch.isin(self._column("found"), torch.tensor(self.classes)).double().mean())

    def compute(self) -> float:
        """Returns the percentage."""
        return 100 * (1 - self.share() / self.original_share)
