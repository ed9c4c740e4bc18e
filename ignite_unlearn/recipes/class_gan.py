"""What recipes of class unlearning share: a spectrally normalised GAN with a hinge loss, conditional or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.recipes.nets.strided import SmallClassifier, SmallDiscriminator, StridedGenerator
from ignite_unlearn.recipes.recipe import Recipe
from ignite_unlearn.recipes.training.learning_steps import HingeStep

_OPTIONS = {
    "fake_label": "between",
    "iterations": 3500,
    "batch_size": 64,
    "precision": "float32",
    "compile": "none",
    "augment": "none",
    "g_lr": 4e-4,
    "d_lr": 8e-4,
    "latent": 64,
    "g_width": 64,
    "d_width": 32,
    "unlearning_batch_size": 32,
}
_CONDITIONAL = {
    "substitution": "other_class",
    "start": "nearest_embedding",
    "unlearning_iterations": 10,
    "unlearning_steps": 1,
    "unlearning_lr": 3e-4,
    "unlearning_eps": 5e-3,
    "embedding_lr": 2.0,
    "anchor": 8.0,
    "share_tolerance": 0.015,
    "fid_tolerance": 0.04,
    "judge_every": 2,
    "judge_samples": 20,
    "samples": 500,
}
_UNCONDITIONAL = {
    "latent": 48,
    "components": 32,
    "unlearning_batch_size": 64,
    "substitution": "latent_direction",
    "start": "drop_components",
    "unlearning_iterations": 12,
    "unlearning_steps": 16,
    "unlearning_lr": 2e-3,
    "unlearning_eps": 1e-5,
    "anchor": 8.0,
    "share_tolerance": 0.009,
    "fid_tolerance": 0.2,
    "judge_every": 2,
    "judge_samples": 6000,
    "pool": 256,
    "samples": 20000,
}


def class_gan(
    name: str,
    summary: str,
    load_data: Callable[[Path | None, Mapping[str, Any]], ImageData],
    *,
    conditional: bool = True,
    classifier: Callable[[ImageData], nn.Module] | None = None,
    download: Callable[[Path], object] | None = None,
    g_blocks: int | None = None,
    d_blocks: int | None = None,
    refine: bool = False,
    stem: bool = False,
    **options: Any,
) -> Recipe:
    """Returns a recipe; nets follow the size and the channels of its data.

    Args:
        name: of the recipe.
        summary: one line.
        load_data: ``(data_root, options) -> ImageData``; sizes are multiples of 4, or of 8 above 32, or of
            ``2**g_blocks``.
        conditional: whether the nets take labels.
        classifier: makes the judges' nets; None: small ones.
        download: gets the data into a folder.
        g_blocks: how often the generator doubles the size; None: twice, or three times to more than 32 pixels.
        d_blocks: how often the discriminator halves the size; None: as often as the generator doubles it. With two
            it sees 18 pixels at once, with three 38.
        refine: whether the generator ends with a convolution at full size; see :class:`.StridedGenerator`.
        stem: whether the discriminator has convolutions at full size too; see :class:`.SmallDiscriminator`.
        options: defaults that are not those of other recipes.
    """

    def generator(options: Mapping[str, Any], data: ImageData) -> nn.Module:
        return StridedGenerator(
            options["latent"],
            data.classes if conditional else None,
            size=data.size,
            width=options["g_width"],
            channels=data.channels,
            blocks=g_blocks or _blocks(data),
            refine=refine,
            components=options.get("components", 0),
        )

    def discriminator(options: Mapping[str, Any], data: ImageData) -> nn.Module:
        return SmallDiscriminator(
            data.classes if conditional else None,
            width=options["d_width"],
            channels=data.channels,
            blocks=d_blocks or g_blocks or _blocks(data),
            stem=stem,
        )

    return Recipe(
        name=name,
        summary=summary,
        options={"classes": (3,), **_OPTIONS, **(_CONDITIONAL if conditional else _UNCONDITIONAL), **options},
        load_data=load_data,
        generator=generator,
        discriminator=discriminator,
        classifier=classifier or (lambda data: SmallClassifier(data.classes, size=data.size, channels=data.channels)),
        learning_step=HingeStep(conditional=conditional),
        conditional=conditional,
        download=download,
    )


def _blocks(data: ImageData) -> int:
    return 2 if data.size <= 32 else 3
