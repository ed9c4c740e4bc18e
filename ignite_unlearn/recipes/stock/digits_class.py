"""``digits-class``: forget one digit of a small conditional GAN, on real handwriting that ships with scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.functional import interpolate

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.recipes.nets.strided import SmallClassifier, SmallDiscriminator, SmallGenerator
from ignite_unlearn.recipes.recipe import Recipe
from ignite_unlearn.recipes.training.learning_steps import HingeStep

_TRAINED = 1437  # four fifths; the rest is the unseen set


def load_digits(data_root: Path | None = None) -> ImageData:
    """Returns the 1,797 handwritten digits of scikit-learn, enlarged to 16 x 16.

    Raises:
        UnlearningError: if a folder is given: other data would be expected then.
    """
    if data_root is not None:
        raise UnlearningError(
            f"digits-class has its data from scikit-learn and does not read {data_root}: leave --data-root out, or run "
            "folder-class."
        )
    from sklearn.datasets import load_digits as load

    raw = load()
    small = torch.tensor(raw.images, dtype=torch.float32)[:, None] / 8 - 1
    images = interpolate(small, size=(16, 16), mode="bilinear", align_corners=False)
    labels = torch.tensor(raw.target, dtype=torch.int64)
    # One split for all seeds: results of different seeds are about the same data.
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    trained, unseen = order[:_TRAINED], order[_TRAINED:]
    return ImageData("scikit-learn digits", images[trained], labels[trained], images[unseen], labels[unseen], 10)


def _generator(options: Mapping[str, Any], data: ImageData) -> nn.Module:
    return SmallGenerator(options["latent"], data.classes, width=options["g_width"])


def _discriminator(options: Mapping[str, Any], data: ImageData) -> nn.Module:
    return SmallDiscriminator(data.classes, width=options["d_width"])


def _classifier(data: ImageData) -> nn.Module:
    return SmallClassifier(data.classes, size=16)


RECIPE = Recipe(
    name="digits-class",
    summary="forget one digit of a small conditional GAN; real handwriting that ships with scikit-learn",
    options={
        "classes": (3,),
        "substitution": "other_class",
        "fake_label": "between",
        "iterations": 1800,
        "batch_size": 64,
        "g_lr": 4e-4,
        "d_lr": 8e-4,
        "latent": 64,
        "g_width": 40,
        "d_width": 32,
        "unlearning_iterations": 15,
        "unlearning_batch_size": 32,
        "unlearning_steps": 4,
        "unlearning_lr": 3e-4,
        "unlearning_eps": 5e-3,
        "embedding_lr": 2.0,
        "anchor": 8.0,
        "share_tolerance": 0.015,
        "fid_tolerance": 0.04,
        "judge_every": 5,
        "judge_samples": 40,
        "samples": 500,
    },
    load_data=lambda root, options: load_digits(root),
    generator=_generator,
    discriminator=_discriminator,
    classifier=_classifier,
    learning_step=HingeStep(),
    conditional=True,
)
