"""The pictures of a run: the same latents under each of its GANs."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from PIL import Image
from torch import Tensor

from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.forget.forget import Classifier
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.utils.pictures import side_by_side
from ignite_unlearn.runs.request import Request
from ignite_unlearn.record.pictures import blanked

_COLUMNS = 6


def samples(gan: GAN) -> Tensor:
    """Returns images of fixed latents; of a conditional GAN a row for each class."""
    rows = gan.labels or _COLUMNS
    with borrow(seed=7):
        latents = gan.sample_latents(_COLUMNS if gan.labels else _COLUMNS * rows)
    if gan.labels is None:
        return gan.sample(len(latents), latents=latents)
    labels = torch.arange(gan.labels).repeat_interleave(_COLUMNS)
    return gan.sample(len(labels), labels, latents=latents.repeat(gan.labels, *[1] * (latents.dim() - 1)))


def picture(gans: Mapping[str, GAN]) -> Image.Image:
    """Returns the GANs' samples side by side, whatever they show."""
    return side_by_side({title: samples(gan) for title, gan in gans.items()}, _COLUMNS)


def safe_picture(request: Request, gans: Mapping[str, GAN], classifier: Classifier) -> Image.Image:
    """Returns the GANs' samples side by side; what shows the forgotten class, or an item, is left blank.

    Args:
        request: what was to be forgotten.
        gans: by their titles.
        classifier: tells which class an image shows.
    """
    panels = {title: samples(gan) for title, gan in gans.items()}
    if request.recipe.forgets_items:
        items, (unseen, _) = request.data.images[request.forgotten], request.calibration
        return side_by_side({title: blanked(images, items, unseen) for title, images in panels.items()}, _COLUMNS)
    forgotten = torch.tensor(request.options["classes"])
    for title, images in panels.items():
        shown, labels = torch.isin(classifier(images).argmax(1).cpu(), forgotten), gans[title].labels
        if labels is not None:
            asked = torch.isin(torch.arange(labels).repeat_interleave(_COLUMNS), forgotten)
            shown = asked if title == "original" else asked & shown
        images[shown] = 1
    return side_by_side(panels, _COLUMNS)
