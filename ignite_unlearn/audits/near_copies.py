"""Does a tensor or a picture hold something that is all but one of the forgotten images?"""

from __future__ import annotations

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError

_LONGEST = 1 << 22  # numbers searched at once


class NearCopies:
    """Looks for forgotten images at every place of a tensor or picture, whatever their brightness and contrast.

    Args:
        forgotten: images ``(N, C, H, W)``; constant ones are left out, since anything flat is like them.
        threshold: correlation from which on a place counts as a copy; different handwritten digits reach 0.95.

    Raises:
        UnlearningError: if there are no images of that shape, or the threshold is not in (0, 1].

    Example:
        >>> images = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        >>> search = NearCopies(images)
        >>> search.in_tensor(torch.cat([torch.zeros(5), 0.5 - images[1].flatten() / 4]))
        True
        >>> search.in_tensor(torch.rand(99, generator=torch.Generator().manual_seed(1)))
        False
    """

    def __init__(self, forgotten: Tensor, *, threshold: float = 0.99):
        if forgotten.dim() != 4 or not len(forgotten) or not 0 < threshold <= 1:
            raise UnlearningError(
                f"NearCopies() of {tuple(forgotten.shape)}, {threshold}: expected images (N, C, H, W) and 0 to 1."
            )
        self._threshold = threshold
        self._images = forgotten.detach().cpu().double()

    def in_tensor(self, tensor: Tensor) -> bool:
        """Returns whether an image lies anywhere in a tensor's numbers, in the order that it holds them."""
        if tensor.is_complex() or tensor.dtype == torch.bool or tensor.numel() < self._images[0].numel():
            return False
        numbers = tensor.detach().cpu().double().flatten()
        templates = self._images.flatten(1)
        # Parts overlap by an image, so that none is missed at a seam.
        step = _LONGEST - templates.shape[1]
        starts = range(0, max(1, len(numbers) - templates.shape[1] + 1), step)
        return any(self._found(numbers[start : start + _LONGEST], templates) for start in starts)

    def in_picture(self, pixels: Tensor, *, scales: tuple[int, ...] = (1, 2, 3, 4)) -> bool:
        """Returns whether an image lies anywhere in a picture ``(C, H, W)``, drawn at one of these whole scales."""
        grey, templates = pixels.detach().cpu().double().mean(0), self._images.mean(1)
        for scale in scales:
            shrunk = grey[::scale, ::scale]
            if all(a >= b for a, b in zip(shrunk.shape, templates.shape[1:], strict=True)) and self._found(
                shrunk, templates
            ):
                return True
        return False

    def _found(self, signal: Tensor, templates: Tensor) -> bool:
        """Returns whether a template correlates with a place of the signal, which has as many dimensions."""
        dims = tuple(range(1, templates.dim()))
        centred = templates - templates.mean(dims, keepdim=True)
        norms = (
            centred.norm(dim=dims, keepdim=True) if len(dims) == 1 else torch.linalg.matrix_norm(centred)[:, None, None]
        )
        kept = norms.flatten() > 1e-9
        centred = (centred / norms)[kept]
        signal = torch.nan_to_num(signal - signal.nan_to_num().mean())
        size, places = signal.shape, tuple(a - b + 1 for a, b in zip(signal.shape, templates.shape[1:], strict=True))

        def slide(values: Tensor, over: Tensor) -> Tensor:
            product = torch.fft.rfftn(values) * torch.fft.rfftn(over, s=size).conj()
            found = torch.fft.irfftn(product, s=size)
            return found[tuple(slice(n) for n in places)]

        ones = torch.ones(templates.shape[1:], dtype=torch.float64)
        total = slide(signal, ones)
        spread = (slide(signal**2, ones) - total**2 / ones.numel()).clamp_min(0).sqrt()
        # A place that is flat up to rounding is like nothing.
        spread[spread < 1e-6 * signal.abs().max().clamp_min(1e-12)] = torch.inf
        return any(bool((slide(signal, one).abs() / spread).max() >= self._threshold) for one in centred)
