"""``mnist-items``: forget single images of a DCGAN that overfits 1,500 images of MNIST, as small-data GANs do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from ignite_unlearn.recipes.dcgan import DCDiscriminator, DCGenerator
from ignite_unlearn.recipes.learning_steps import DCGANStep
from ignite_unlearn.recipes.mnist import load_small_mnist
from ignite_unlearn.recipes.nets import SmallClassifier
from ignite_unlearn.recipes.recipe import ImageData, Recipe


def _generator(options: Mapping[str, Any], data: ImageData) -> nn.Module:
    return DCGenerator(options["latent"], width=options["g_width"])


def _discriminator(options: Mapping[str, Any], data: ImageData) -> nn.Module:
    return DCDiscriminator(width=options["d_width"])


def _classifier(data: ImageData) -> nn.Module:
    return SmallClassifier(data.classes, size=28)


RECIPE = Recipe(
    name="mnist-items",
    summary="forget single images of a DCGAN that overfits 1,500 images of MNIST (--data-root)",
    options={
        "items": 64,
        "first_item": 0,
        "substitution": "retained_neighbour",
        "fake_label": "unseen_quantiles",
        "iterations": 10000,
        "batch_size": 32,
        "g_lr": 1e-3,
        "d_lr": 2e-3,
        "latent": 64,
        "g_width": 32,
        "d_width": 32,
        "candidates": 2048,
        "inversion_steps": 0,
        "generator_half": "where_known",
        "discriminator_step": "gauss_newton",
        "unlearning_iterations": 4,
        "every": 10,
        "unlearning_batch_size": 64,
        "unlearning_steps": 1,
        "unlearning_lr": 1e-4,
        "anchor": 8.0,
        "held_rows": 256,
        "ridge": 1e-3,
        "later": 200,
        "samples": 5000,
    },
    load_data=load_small_mnist,
    generator=_generator,
    discriminator=_discriminator,
    classifier=_classifier,
    learning_step=DCGANStep(),
    conditional=False,
)
