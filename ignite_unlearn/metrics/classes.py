"""What a classifier sees in generated images: the forgotten class's share, and whether the others are still there."""

from __future__ import annotations

import torch
from ignite.exceptions import NotComputableError
from ignite.metrics import Metric
from torch import Tensor

from ignite_unlearn.borrow import borrow
from ignite_unlearn.forget import Classifier


class ClassShare(Metric):
    """The share of generated images that a classifier gives to the class they were asked for.

    Over the forgotten classes this is the *forgotten share*; over the others, their *class accuracy*.

    Args:
        classifier: ``images (N, ...) -> class scores (N, K)``; better not the one that the GAN was trained with.

    Example:
        >>> import torch
        >>> share = ClassShare(lambda images: torch.nn.functional.one_hot(images.long(), 3))
        >>> share.update((torch.tensor([0, 1, 2, 2]), torch.tensor([0, 1, 1, 2])))
        >>> share.compute(), share.by_class()
        (0.75, {0: 1.0, 1: 0.5, 2: 1.0})
    """

    def __init__(self, classifier: Classifier):
        self.classifier = classifier
        super().__init__()

    def reset(self) -> None:
        """Forgets all images."""
        self._hits: list[Tensor] = []
        self._labels: list[Tensor] = []

    def update(self, output: tuple[Tensor, Tensor]) -> None:
        """Adds ``(generated images (N, ...), asked labels (N,))``."""
        images, labels = output
        nets = [self.classifier] if isinstance(self.classifier, torch.nn.Module) else []
        with borrow(*nets), torch.no_grad():
            found = self.classifier(images).argmax(1)
        self._hits.append((found == labels.to(found.device)).cpu())
        self._labels.append(labels.cpu())

    def compute(self) -> float:
        """Returns the share over all images."""
        if not self._hits:
            raise NotComputableError("ClassShare needs images before compute().")
        return float(torch.cat(self._hits).double().mean())

    def by_class(self) -> dict[int, float]:
        """Returns the share of each class."""
        hits, labels = torch.cat(self._hits).double(), torch.cat(self._labels)
        return {int(k): float(hits[labels == k].mean()) for k in labels.unique()}
