"""Downstream accuracy: how good a classifier becomes that learns from generated images alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.metrics.classifier import train_classifier
from ignite_unlearn.utils.answers import answer
from ignite_unlearn.utils.asked import BOOL, COUNT, MAKER, PAIR, SEED, asks, kind


@asks(
    generated=PAIR,
    real=PAIR,
    make_classifier=MAKER,
    epochs=COUNT,
    batch_size=COUNT,
    seed=SEED,
    progress=BOOL,
)
def downstream_accuracy(
    generated: tuple[Tensor, Tensor],
    real: tuple[Tensor, Tensor],
    make_classifier: Callable[[], nn.Module],
    *,
    epochs: int = 12,
    batch_size: int = 64,
    seed: int = 0,
    progress: bool = True,
) -> float:
    """Trains a classifier on generated images and returns its accuracy on real ones (Ravuri and Vinyals 2019).

    Args:
        generated: images ``(N, ...)`` and the labels ``(N,)`` they were asked for.
        real: images ``(M, ...)`` and labels ``(M,)`` that the GAN was not trained on; of retained classes only.
        make_classifier: makes an untrained net, ``images -> class scores``.
        epochs: of Adam with a one-cycle schedule.
        batch_size: images in a batch.
        seed: of the net's weights and the order of images; the global streams are left as they were.
        progress: whether to show a bar.

    Raises:
        UnlearningError: if there are no images on a side.

    Example:
        >>> labels = torch.arange(40) % 2
        >>> images = labels.float().view(-1, 1) * 2 - 1
        >>> downstream_accuracy((images, labels), (images, labels), lambda: nn.Linear(1, 2), progress=False)
        1.0
    """
    images, labels = generated
    if not len(images) or not len(real[0]):
        raise UnlearningError(f"{len(images)} generated and {len(real[0])} real images: expected some of either.")
    with borrow(seed=seed), torch.enable_grad(), tqdm(total=epochs, desc="downstream", disable=not progress) as bar:
        net = answer("make_classifier", kind("an nn.Module", nn.Module), make_classifier).to(images.device)
        net = train_classifier(net, images, labels, epochs=epochs, bar=bar, batch_size=batch_size)
        with torch.no_grad():
            found = torch.cat([net(part.to(images.device)).argmax(1) for part in real[0].split(512)])
        return float((found == real[1].to(found.device)).double().mean())
