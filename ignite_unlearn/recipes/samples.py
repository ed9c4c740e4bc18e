"""The pictures of a run: the same latents under each of its GANs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from PIL import Image
from torch import Tensor

from ignite_unlearn.borrow import borrow
from ignite_unlearn.forget import Classifier
from ignite_unlearn.gan import GAN
from ignite_unlearn.pictures import side_by_side

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


def picture(
    gans: Mapping[str, GAN], *, without: Sequence[int] = (), classifier: Classifier | None = None
) -> Image.Image:
    """Returns the GANs' samples side by side.

    Args:
        gans: by their titles.
        without: classes of which the original's images are left blank.
        classifier: finds them, where the GAN is not conditional.
    """
    panels = {title: samples(gan) for title, gan in gans.items()}
    if without and "original" in panels:
        images, labels = panels["original"], gans["original"].labels
        if labels is not None:
            shown = torch.arange(labels).repeat_interleave(_COLUMNS)
        elif classifier is not None:
            shown = classifier(images).argmax(1).cpu()
        else:
            raise ValueError("the images of an unconditional GAN are known by a classifier alone")
        images[torch.isin(shown, torch.tensor(without))] = 1
    return side_by_side(panels, _COLUMNS)
