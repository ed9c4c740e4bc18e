"""Pictures of the same latents under several GANs, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torchvision.utils import make_grid

from ignite_unlearn.utils.files import write_whole

_MARGIN, _TITLE = 8, 16  # pixels


def side_by_side(panels: Mapping[str, Tensor], columns: int, value_range: tuple[float, float] = (-1, 1)) -> Image.Image:
    """Returns one picture with a titled grid for each panel.

    Args:
        panels: title to images ``(N, C, H, W)``, N, C, H and W alike in all; of volumes ``(N, C, D, H, W)`` the middle
            slice is shown.
        columns: images in a row of each grid.
        value_range: the values that are drawn as black and white.

    Example:
        >>> import torch
        >>> side_by_side({"original": torch.zeros(4, 1, 8, 8), "unlearned": torch.ones(4, 1, 8, 8)}, columns=2).size
        (176, 100)
    """
    scale = max(1, 32 // next(iter(panels.values())).shape[-1])
    grids = {title: _picture(images, columns, value_range, scale) for title, images in panels.items()}
    width = sum(grid.width + _MARGIN for grid in grids.values()) + _MARGIN
    sheet = Image.new("RGB", (width, max(g.height for g in grids.values()) + _TITLE + _MARGIN), "white")
    draw, left = ImageDraw.Draw(sheet), _MARGIN
    for title, grid in grids.items():
        draw.text((left, 2), title, fill="black")
        sheet.paste(grid, (left, _TITLE))
        left += grid.width + _MARGIN
    return sheet


def save_picture(picture: Image.Image, path: Path) -> None:
    """Saves a picture as PNG, whole or not at all."""
    write_whole(path, lambda part: picture.save(part, format="PNG"))


def _picture(images: Tensor, columns: int, value_range: tuple[float, float], scale: int) -> Image.Image:
    while images.dim() > 4:  # of volumes the middle slice
        images = images[:, :, images.shape[2] // 2]
    grid = make_grid(
        images.detach().float().cpu(), nrow=columns, normalize=True, value_range=value_range, padding=1, pad_value=0.5
    )
    pixels = grid.mul(255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    picture = Image.fromarray(pixels)
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
