"""Are found images like real ones of their class, or noise that a classifier falls for?"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.utils.answers import answer, rows_of
from ignite_unlearn.utils.asked import CALL, IMAGES, SHARE, asks


class Realism:
    """Says which images lie as near to real images as these lie to each other.

    Args:
        features: images ``(N, ...)`` to features ``(N, F)``.
        real: real images ``(M, ...)`` of the class.
        quantile: this share of the real images, each beside the others, would pass.

    Raises:
        UnlearningError: if there are fewer than ten real images.

    Example:
        >>> real = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
        >>> realistic = Realism(lambda images: images, real)
        >>> realistic(torch.stack([real[0] + 0.01, torch.full((3,), 99.0)])).tolist()
        [True, False]
    """

    @asks(features=CALL, real=IMAGES, quantile=SHARE)
    def __init__(self, features: Callable[[Tensor], Tensor], real: Tensor, *, quantile: float = 0.95):
        if len(real) < 10:
            raise UnlearningError(
                f"There are fewer than ten images of the class, {len(real)}: expected ten to know others by."
            )
        self._features = features
        with torch.no_grad():
            self._real = self._of(real)
        # The nearest one of a real image among all is itself.
        own = torch.cdist(self._real, self._real).kthvalue(2).values
        self._radius = own.quantile(quantile)

    def __call__(self, images: Tensor) -> Tensor:
        """Returns a bool mask ``(N,)``."""
        with torch.no_grad():
            found = self._of(images)
        return torch.cdist(found, self._real).amin(1) <= self._radius

    def _of(self, images: Tensor) -> Tensor:
        return answer("features", rows_of(len(images)), self._features, images).flatten(1).double()
