"""The pictures of a run: the same latents under each of its GANs."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from PIL import Image
from torch import Tensor

from ignite_unlearn.forget.forget import Classifier
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.recipes.data.split import Split
from ignite_unlearn.recipes.tasks.task import Task
from ignite_unlearn.utils.pictures import side_by_side

_COLUMNS = 6


def samples(gan: GAN) -> tuple[Tensor, Tensor | None]:
    """Returns images of fixed latents, and the labels asked for; of a conditional GAN a row for each class."""
    rows = gan.labels or _COLUMNS
    with borrow(seed=7):
        latents = gan.sample_latents(_COLUMNS if gan.labels else _COLUMNS * rows)
    if gan.labels is None:
        return gan.sample(len(latents), latents=latents), None
    labels = torch.arange(gan.labels).repeat_interleave(_COLUMNS)
    return gan.sample(len(labels), labels, latents=latents.repeat(gan.labels, *[1] * (latents.dim() - 1))), labels


def picture(gans: Mapping[str, GAN]) -> Image.Image:
    """Returns the GANs' samples side by side, whatever they show."""
    return side_by_side({title: samples(gan)[0] for title, gan in gans.items()}, _COLUMNS)


def safe_picture(gans: Mapping[str, GAN], task: Task, split: Split, classifier: Classifier) -> Image.Image:
    """Returns the GANs' samples side by side; what shows the forgotten class, or an item, is left blank.

    Args:
        gans: by their titles, of which ``"original"`` is that of the original.
        task: what was to be forgotten.
        split: the images of the run.
        classifier: tells which class an image shows.
    """
    panels = {}
    for title, gan in gans.items():
        images, labels = samples(gan)
        panels[title] = task.blanked(images, labels, split, classifier, original=title == "original")
    return side_by_side(panels, _COLUMNS)
