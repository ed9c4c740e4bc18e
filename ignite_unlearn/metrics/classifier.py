"""Training of the small classifiers that GANs are judged by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from ignite.engine import Engine, Events
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm.auto import tqdm

from ignite_unlearn.utils.asked import CALL, COUNT, IMAGES, LABELS, asks, kind


class ShuffledRows:
    """Endless batches of rows, each row once in an epoch, in an order that torch's global stream draws.

    Its state is where it is in an epoch, so that a training goes on in the middle of one.

    Args:
        rows: how many rows there are.
        batch_size: of them in a batch; the last of an epoch may be smaller.

    Example:
        >>> rows = ShuffledRows(5, 2)
        >>> len(rows), [len(batch) for batch, _ in zip(rows, range(4))]
        (3, [2, 2, 1, 2])
    """

    def __init__(self, rows: int, batch_size: int):
        self._rows, self._batch_size = rows, batch_size
        self._left = torch.empty(0, dtype=torch.int64)

    def __len__(self) -> int:
        return -(-self._rows // self._batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        while True:
            if not len(self._left):
                self._left = torch.randperm(self._rows)
            batch, self._left = self._left[: self._batch_size], self._left[self._batch_size :]
            yield batch

    def state_dict(self) -> dict[str, Tensor]:
        """Returns the rows that are left of the epoch."""
        return {"left": self._left.clone()}  # a view would save the whole order

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from what :meth:`state_dict` returned.

        Raises:
            ValueError: if these are no rows.
        """
        left = state["left"]
        if not isinstance(left, Tensor) or left.dtype != torch.int64 or left.dim() != 1:
            raise ValueError("rows that are no numbers")
        if len(left) and not 0 <= int(left.min()) <= int(left.max()) < self._rows:
            raise ValueError(f"rows that are not among {self._rows}")
        self._left = left


class ClassifierTraining:
    """A classifier's training by Adam with a one-cycle schedule, as an Ignite engine.

    Args:
        net: images ``(N, ...)`` to class scores ``(N, K)``, on the images' device.
        images: what it learns from; batches are drawn from torch's global stream.
        labels: their classes ``(N,)``.
        epochs: how often each image is seen.
        batch_size: images in a batch.
        augment: changes each batch.

    Attributes:
        engine: takes the learning steps.
        iterations: how many there are in all.

    Example:
        >>> images = torch.randn(6, 2)
        >>> training = ClassifierTraining(nn.Linear(2, 3), images, torch.arange(6) % 3, epochs=2, batch_size=4)
        >>> training.run()
        >>> training.iterations, training.engine.state.iteration
        (4, 4)
    """

    def __init__(
        self,
        net: nn.Module,
        images: Tensor,
        labels: Tensor,
        *,
        epochs: int,
        batch_size: int = 64,
        augment: Callable[[Tensor], Tensor] = lambda images: images,
    ):
        self._net, self._images, self._labels, self._augment = net, images, labels, augment
        self._batches, self._epochs = ShuffledRows(len(images), batch_size), epochs
        self.iterations = epochs * len(self._batches)
        self._optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, max_lr=2e-3, total_steps=max(1, self.iterations)
        )
        self.engine = Engine(lambda engine, rows: self._learn(rows))

    def run(self) -> None:
        """Trains to the end, from wherever it is."""
        self._net.train()
        if self.engine.state.iteration < self.iterations:  # else Ignite would begin anew
            self.engine.run(self._batches, max_epochs=self._epochs, epoch_length=len(self._batches))

    def state_objects(self) -> dict[str, Any]:
        """Returns everything that a checkpoint must hold for the training to go on as if uninterrupted."""
        return {
            "engine": self.engine,
            "net": self._net,
            "optimizer": self._optimizer,
            "schedule": self._schedule,
            "batches": self._batches,
        }

    def _learn(self, rows: Tensor) -> Tensor:
        batch = self._augment(self._images[rows])
        self._optimizer.zero_grad()
        loss = cross_entropy(self._net(batch), self._labels[rows].to(batch.device))
        loss.backward()
        self._optimizer.step()
        self._schedule.step()
        return loss.detach()


@asks(
    net=kind("an nn.Module", nn.Module),
    images=IMAGES,
    labels=LABELS,
    epochs=COUNT,
    batch_size=COUNT,
    augment=CALL,
)
def train_classifier(
    net: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    epochs: int,
    bar: tqdm,
    batch_size: int = 64,
    augment: Callable[[Tensor], Tensor] = lambda images: images,
) -> nn.Module:
    """Trains a classifier by Adam with a one-cycle schedule, and returns it in eval mode.

    Args:
        net: images ``(N, ...)`` to class scores ``(N, K)``, on the images' device.
        images: what it learns from; batches are drawn from torch's global stream.
        labels: their classes ``(N,)``.
        epochs: how often each image is seen.
        bar: moved on by one for each epoch.
        batch_size: images in a batch.
        augment: changes each batch.
    """
    training = ClassifierTraining(net, images, labels, epochs=epochs, batch_size=batch_size, augment=augment)
    with training.engine.add_event_handler(Events.EPOCH_COMPLETED, lambda: bar.update() and None):
        training.run()
    return net.eval()
