"""How nets are called where nobody says otherwise, and how what they return is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor, nn

from ignite_unlearn.utils.asked import CALL, SHAPE, Asked, kind, maybe, whole

# What GAN(...) asks of its arguments; of nets and batches others ask more.
GAN_ASKS: Mapping[str, Asked] = {
    "latents": SHAPE,
    "labels": maybe(whole()),
    "generate": maybe(CALL),
    "discriminate": maybe(CALL),
    "trained": maybe(kind("the loop's optimisers, such as (optG, optD), or parameters", Iterable)),
}


def call_generator(generator: nn.Module, latents: Tensor, labels: Tensor | None) -> Tensor:
    """Calls a generator, with labels where there are any."""
    return generator(latents) if labels is None else generator(latents, labels)


def call_with_labels(discriminator: nn.Module, images: Tensor, labels: Tensor | None) -> Any:
    """Calls a discriminator with labels."""
    return discriminator(images, None if labels is None else labels.to(images.device))


def call_without_labels(discriminator: nn.Module, images: Tensor, labels: Tensor | None) -> Any:
    """Calls a discriminator without labels."""
    return discriminator(images)


def shape_of(output: Any) -> str:
    """Returns what was returned, in words."""
    if isinstance(output, Tensor):
        return f"a tensor of shape {tuple(output.shape)}"
    if isinstance(output, Mapping):
        return f"a dict with keys {sorted(map(str, output))}"
    return f"a {type(output).__name__}"
