"""How nets are called where nobody says otherwise, and how what they return is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor, nn

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.utils.answers import first_line
from ignite_unlearn.utils.asked import CALL, SHAPE, Asked, maybe, whole

# What GAN(...) asks of its arguments; of nets and batches others ask more.
GAN_ASKS: Mapping[str, Asked] = {
    "latents": SHAPE,
    "labels": maybe(whole(at_most=10**7)),
    "generate": maybe(CALL),
    "discriminate": maybe(CALL),
    "trained": maybe(
        Asked(
            "the loop's optimisers, such as (optG, optD), or parameters",
            lambda value: isinstance(value, Iterable) and not isinstance(value, Tensor),
        )
    ),
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


_ONE_HOT = ", for one-hot labels lambda net, z, y: net(z, torch.nn.functional.one_hot(y, classes).float())"


def outside(labels: Tensor | None, classes: int | None) -> str | None:
    """Returns a sentence's begin on class labels that no class has, such as the request's; None where there are none.

    Example:
        >>> import torch
        >>> outside(torch.tensor([0, 5]), classes=4)
        'labels go from 0 to 5, but GAN(..., labels=4) expects 0 to 3'
    """
    if labels is None or classes is None or not len(labels):
        return None
    low, high = int(labels.min()), int(labels.max())
    if 0 <= low <= high < classes:
        return None
    return f"labels go from {low} to {high}, but GAN(..., labels={classes}) expects 0 to {classes - 1}"


def generator_refused(
    error: BaseException, latents: Any, labels: Tensor | None, classes: int | None
) -> UnlearningError:
    """Returns what to say of a generator that cannot be called."""
    if (said := outside(labels, classes)) is not None:
        return UnlearningError(f"The generator is asked for classes that it does not have: {said}.")
    conditional = classes is not None
    return UnlearningError(
        f"The generator cannot be called with latents of shape {tuple(latents.shape)}"
        f"{' and labels' if conditional else ''}: {first_line(error)} Check GAN(..., latents=..., labels=...), or pass "
        f"generate=(generator, latents, labels) -> images{_ONE_HOT if conditional else ''}."
    )


def discriminator_refused(
    error: BaseException, images: Tensor, labels: Tensor | None, classes: int | None
) -> UnlearningError:
    """Returns what to say of a discriminator that cannot be called."""
    if (said := outside(labels, classes)) is not None:
        return UnlearningError(
            f"The discriminator is shown {len(images)} images whose {said}: give them as the loop's batches hold them."
        )
    unlabelled = classes is not None and labels is None
    advice = (
        "It takes labels: give them beside the images, such as Unseen(images, labels)."
        if unlabelled
        else "Pass GAN(..., discriminate=(discriminator, images, labels) -> scores)."
    )
    given = " but no labels" if unlabelled else "" if labels is None else " and labels"
    return UnlearningError(
        f"The discriminator cannot be called with images of shape {tuple(images.shape)}{given}: {first_line(error)} "
        f"{advice}"
    )
