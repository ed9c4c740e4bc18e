"""Training of the small classifiers that GANs are judged by."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm.auto import tqdm


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
    net.train()
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    steps = epochs * -(-len(images) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(images)).split(batch_size):
            batch = augment(images[rows])
            optimizer.zero_grad()
            cross_entropy(net(batch), labels[rows].to(batch.device)).backward()
            optimizer.step()
            schedule.step()
        bar.update()
    return net.eval()
