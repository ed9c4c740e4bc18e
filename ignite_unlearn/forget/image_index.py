"""Find given images among others by what they show, whatever the order, the batching, the dtype or the device."""

from __future__ import annotations

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.utils.asked import IMAGES, asks

_KEYS = 16
_AT_ONCE = 2**24  # comparisons of keys


class ImageIndex:
    """A set of images that others can be looked up in.

    Two images are the same where no pixel differs by more than rounding to bfloat16 makes it differ (1/256 of the
    largest value). Random augmentation changes pixels by more: augmented images are not found.

    A random projection of each image is compared first, as a locality-sensitive hash (Indyk and Motwani 1998), with a
    bound that no rounding exceeds: so nothing is missed, and only few images are compared pixel by pixel.

    Args:
        images: the images to be found, shape ``(M, ...)``, in the value range of those that are looked up.

    Raises:
        UnlearningError: if there are none, or a value is not finite.

    Example:
        >>> import torch
        >>> images = torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(0))
        >>> ImageIndex(images[2:4]).find(images.bfloat16()).tolist()
        [-1, -1, 0, 1, -1]
    """

    @asks(images=IMAGES)
    def __init__(self, images: Tensor):
        if len(images) == 0:
            raise UnlearningError("There are no images to be found: give at least one, shape (N, C, H, W).")
        self._images = images.detach().flatten(1).float()
        if not bool(self._images.isfinite().all()):
            raise UnlearningError("The images to be found hold values that are not finite.")
        self._shape = images.shape[1:]
        self._tolerance = 1.001 * 2**-8 * max(self._images.abs().max().item(), 1e-6)
        signs = torch.randint(2, (self._images.shape[1], _KEYS), generator=torch.Generator().manual_seed(0))
        self._signs = (2.0 * signs - 1).to(self._images.device)
        self._keys = self._images @ self._signs

    def __len__(self) -> int:
        return len(self._images)

    def find(self, images: Tensor) -> Tensor:
        """Returns which of the known images each of ``images`` is, int64 ``(N,)``; -1 where it is none of them."""
        found = torch.full((len(images),), -1, dtype=torch.int64, device=images.device)
        if images.shape[1:] != self._shape:
            return found
        if images.device != self._images.device:
            self._move(images.device)
        flat = images.detach().flatten(1).float()
        # The bound, and the rounding of the sums themselves.
        reach = self._tolerance * flat.shape[1] * 1.01
        rows = max(1, _AT_ONCE // (_KEYS * len(self)))
        for start in range(0, len(flat), rows):
            keys = flat[start : start + rows] @ self._signs
            near = ((keys[:, None] - self._keys).abs() <= reach).all(2)
            row, known = near.nonzero(as_tuple=True)
            same = ((flat[start + row] - self._images[known]).abs() <= self._tolerance).all(1)
            found[start + row[same].flip(0)] = known[same].flip(0)  # flipped: the first of equal ones stays
        return found

    def _move(self, device: torch.device) -> None:
        self._images, self._signs, self._keys = (t.to(device) for t in (self._images, self._signs, self._keys))


@asks(unseen=IMAGES, trained=IMAGES)
def refuse_overlap(unseen: Tensor, trained: Tensor) -> None:
    """Refuses an unseen set that shares images with the training set.

    Args:
        unseen: images ``(M, ...)`` that the GAN was never trained on.
        trained: images ``(N, ...)`` that it was trained on.

    Raises:
        UnlearningError: if an image is in both.

    Example:
        >>> import torch
        >>> refuse_overlap(torch.zeros(2, 1, 4, 4), torch.ones(3, 1, 4, 4))
    """
    shared = (ImageIndex(trained).find(unseen) >= 0).nonzero().flatten()
    if len(shared):
        raise UnlearningError(
            f"{len(shared)} of {len(unseen)} unseen images are in the training set too (the first at position "
            f"{int(shared[0])}): unseen images must never have been trained on; leave them out."
        )
