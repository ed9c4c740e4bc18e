"""What recipes of item unlearning share: a DCGAN on few images, which it overfits, as small-data GANs do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.recipes.nets.dcgan import DCDiscriminator, DCGenerator
from ignite_unlearn.recipes.nets.strided import SmallClassifier
from ignite_unlearn.recipes.recipe import Recipe
from ignite_unlearn.recipes.training.learning_steps import DCGANStep

_OPTIONS = {
    "items": 64,
    "first_item": 0,
    "substitution": "retained_neighbour",
    "fake_label": "unseen_quantiles",
    "iterations": 10000,
    "batch_size": 32,
    "precision": "float32",
    "compile": "none",
    "g_lr": 1e-3,
    "d_lr": 2e-3,
    "latent": 64,
    "g_width": 32,
    "d_width": 32,
    "candidates": 2048,
    "inversion_steps": 0,
    "generator_half": "where_known",
    "discriminator_step": "gauss_newton",
    "unlearning_iterations": 8,
    "every": 1,
    "unlearning_batch_size": 64,
    "unlearning_steps": 1,
    "unlearning_lr": 1e-4,
    "anchor": 8.0,
    "held_rows": 256,
    "ridge": 1e-3,
    "later": 200,
    "samples": 5000,
}


def dcgan_items(
    name: str,
    summary: str,
    load_data: Callable[[Path | None, Mapping[str, Any]], ImageData],
    *,
    g_blocks: int,
    download: Callable[[Path], object] | None = None,
    **options: Any,
) -> Recipe:
    """Returns a recipe; nets follow the size and the channels of its data.

    Args:
        name: of the recipe.
        summary: one line.
        load_data: ``(data_root, options) -> ImageData``; sizes are multiples of ``2**g_blocks``.
        g_blocks: how often the generator doubles the size.
        download: gets the data into a folder.
        options: defaults that are not those of other recipes.
    """

    def generator(options: Mapping[str, Any], data: ImageData) -> nn.Module:
        return DCGenerator(
            options["latent"], size=data.size, width=options["g_width"], channels=data.channels, blocks=g_blocks
        )

    def discriminator(options: Mapping[str, Any], data: ImageData) -> nn.Module:
        return DCDiscriminator(size=data.size, width=options["d_width"], channels=data.channels)

    return Recipe(
        name=name,
        summary=summary,
        options={**_OPTIONS, **options},
        load_data=load_data,
        generator=generator,
        discriminator=discriminator,
        classifier=lambda data: SmallClassifier(data.classes, size=data.size, channels=data.channels),
        learning_step=DCGANStep(),
        conditional=False,
        download=download,
    )
