"""clean-fid's resizing for whole batches of tensors: Pillow's bicubic filter as two products with a matrix."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.utils.asked import COUNT, Asked, asks

_OVERSHOOT = 1.0  # by which a mean pixel may lie outside of [-1, 1]; those of a dark photograph in [0, 255] exceed it
_A = -0.5  # of Keys' cubic kernel (1981), as Pillow has it


_SIZE = Asked("height and width, such as (299, 299)", lambda size: len(size) == 2 and all(map(COUNT.fits, size)))


class CleanResize:
    """Turns images in [-1, 1] into what clean-fid (Parmar et al. 2022) feeds an Inception net: RGB in [0, 255].

    Values are rounded to bytes, as in a saved PNG, resized by Pillow's antialiased bicubic filter in float32, cut to
    [0, 255] and not rounded again. Pillow's filter is separable and linear, so one matrix for each direction does for a
    whole batch; results differ from Pillow's by rounding in float32 alone (less than 0.001 of 255).

    Args:
        size: height and width of the result.

    Example:
        >>> CleanResize()(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 3, 299, 299])
    """

    @asks(size=_SIZE)
    def __init__(self, size: tuple[int, int] = (299, 299)):
        self.size = size

    def __call__(self, images: Tensor) -> Tensor:
        """Returns float32 ``(N, 3, height, width)`` in [0, 255].

        Args:
            images: ``(N, C, H, W)`` with one or three channels, floats in [-1, 1] or whole numbers in 0 to 255.

        Raises:
            UnlearningError: if the shape or the number of channels does not fit, or the values do not
                (:func:`to_bytes`).
        """
        if images.dim() != 4 or images.shape[1] not in (1, 3):
            raise UnlearningError(f"Images of shape {tuple(images.shape)}: expected (N, 1 or 3, H, W).")
        resized = to_bytes(images).float()
        (height, width), (new_height, new_width) = images.shape[2:], self.size
        # Rows first, as Pillow does; a direction that keeps its length is left alone, as by Pillow.
        if width != new_width:
            resized = resized @ _weights(width, new_width).to(resized.device).T
        if height != new_height:
            resized = _weights(height, new_height).to(resized.device) @ resized
        # One channel is resized once; the three that the net is shown share its memory.
        return resized.clamp_(0, 255).expand(-1, 3, -1, -1)


def to_bytes(images: Tensor) -> Tensor:
    """Returns images as bytes, as they are saved.

    Args:
        images: floats in [-1, 1], which may overshoot as a generator without ``tanh`` does, or whole numbers of any
            integer type in 0 to 255. Floats in [0, 1] cannot be told from bright images in [-1, 1]: they are taken as
            those.

    Raises:
        UnlearningError: if a value is NaN or infinite, or if the images are in another range, such as floats in
            [0, 255].

    Example:
        >>> to_bytes(torch.tensor([-1.0, 0.0, 1.0])).tolist(), to_bytes(torch.tensor([7])).tolist()
        ([0, 128, 255], [7])
    """
    if images.dtype == torch.uint8 or not images.numel():
        return images.to(torch.uint8)
    if not images.is_floating_point():
        if images.dtype == torch.bool or images.is_complex() or int(images.min()) < 0 or int(images.max()) > 255:
            raise UnlearningError(f"Images of {images.dtype} must be whole numbers in 0 to 255, or floats in [-1, 1].")
        return images.to(torch.uint8)
    values = images.detach().float()  # in half precision levels would be rounded away
    if not bool(values.isfinite().all()):
        raise UnlearningError("The images hold NaN or infinity: look at what the generator makes.")
    beyond = float((values.abs() - 1).clamp_min(0).mean())
    if beyond > _OVERSHOOT:
        raise UnlearningError(
            f"The images reach from {float(values.min()):.4g} to {float(values.max()):.4g}: expected floats in [-1, 1] "
            "or whole numbers in 0 to 255. Scale them, such as images / 127.5 - 1."
        )
    return values.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)


@cache
def _weights(old: int, new: int) -> Tensor:
    """Returns the matrix ``(new, old)`` of Pillow's bicubic filter in one direction."""
    scale = old / new
    stretch = max(scale, 1.0)  # antialiasing: the kernel covers a whole pixel of the smaller image
    weights = torch.zeros(new, old, dtype=torch.float64)
    for row in range(new):
        centre = (row + 0.5) * scale
        # Pillow's window, rounded as Pillow rounds it.
        first, last = max(0, int(centre - 2 * stretch + 0.5)), min(old, int(centre + 2 * stretch + 0.5))
        at = (torch.arange(first, last, dtype=torch.float64) - centre + 0.5) / stretch
        weights[row, first:last] = _cubic(at.abs())
    return (weights / weights.sum(1, keepdim=True)).float()


def _cubic(x: Tensor) -> Tensor:
    near = ((_A + 2) * x - (_A + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * _A
    return torch.where(x < 1, near, torch.where(x < 2, far, 0.0))
