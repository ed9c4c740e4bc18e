"""Does a tensor or a picture hold something that is all but one of the forgotten images?"""

from __future__ import annotations

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.utils.asked import IMAGES, asks, number

_AT_ONCE = 1 << 23  # numbers in the windows that are looked at together


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

    @asks(forgotten=IMAGES, threshold=number())
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
        return self._found(tensor.detach().cpu().double().flatten(), self._images.flatten(1))

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
        wanted = _normalised(templates.flatten(1).float(), flat=1e-6)
        wanted = wanted[wanted.norm(dim=1) > 0].T  # flat templates are like anything flat
        signal = torch.nan_to_num(signal, posinf=0, neginf=0)
        windows = (signal - signal.mean()).float()
        flat = 1e-5 * windows.abs().max().item()  # a window that is flat up to rounding is like nothing
        for dim, length in enumerate(templates.shape[1:]):
            windows = windows.unfold(dim, length, 1)
        for part in windows.split(max(1, _AT_ONCE // windows[0].numel())):
            places = _normalised(part.reshape(-1, templates[0].numel()), flat=flat)
            if wanted.numel() and bool(((places @ wanted).abs() >= self._threshold).any()):
                return True
        return False


def _normalised(rows: Tensor, *, flat: float) -> Tensor:
    """Returns rows ``(N, D)`` centred, with norm 1; zeros for those whose norm is not above ``flat``."""
    centred = rows - rows.mean(1, keepdim=True)
    norms = centred.norm(dim=1, keepdim=True)
    return torch.where(norms > flat, centred / norms.clamp_min(1e-30), torch.zeros_like(centred))
