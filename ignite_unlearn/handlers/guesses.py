"""Where a batch keeps images and labels, as far as that is a guess between several tensors."""

from __future__ import annotations

from typing import Any

from ignite_unlearn.forget.forget import Forget
from ignite_unlearn.gan.fields import Leaf, leaves, shown
from ignite_unlearn.gan.gan import GAN


def candidates(gan: GAN, batch: Any) -> tuple[list[Leaf], list[Leaf]]:
    """Returns the tensors of a batch that may be its images, and those that may be its class labels."""
    labels = gan.batch.label_leaves(batch)
    # An index of rows that follows the labels holds numbers that no class has.
    others = [leaf for leaf in labels[1:] if gan.labels is None or bool((leaf.tensor < gan.labels).all())]
    return gan.batch.image_leaves(batch), labels[:1] + others


def guesses(gan: GAN, forget: Forget, batch: Any) -> list[str]:
    """Returns a sentence for images and one for labels, where the first of several tensors would be taken for them."""
    images, labels = candidates(gan, batch)
    said = [("images", images, images[0], "image")] if len(images) > 1 else []
    if len(labels) > 1 and (gan.labels is not None or forget.describe().classes):
        said += [("class labels", labels, labels[-1], "label")]
    return [
        f"The batch holds {len(found)} tensors that may be its {what}, at {listed(found)}, and the first would be "
        f"taken: say which, such as GAN(..., {argument}={shown(such.path)})."
        for what, found, such, argument in said
    ]


def unasked(gan: GAN, batch: Any) -> str | None:
    """Returns a sentence on whole numbers of a float dtype, where nothing else of a batch may be its labels."""
    if gan.batch.label_leaves(batch):
        return None
    shapes = {(n := len(gan.batch.images(batch)),), (n, 1)}
    for leaf in leaves(batch):
        numbers = leaf.tensor
        if tuple(numbers.shape) in shapes and numbers.is_floating_point() and bool((numbers == numbers.round()).all()):
            return (
                f"The whole numbers at {shown(leaf.path)} are of {numbers.dtype}, so they are not taken for class "
                f"labels unasked: if they are, say so, GAN(..., label={shown(leaf.path)})."
            )
    return None


def listed(found: list[Leaf]) -> str:
    """Returns where tensors of a batch are, in words."""
    return ", ".join(shown(leaf.path) for leaf in found)
