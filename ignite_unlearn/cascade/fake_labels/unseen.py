"""The level of unseen images."""

from __future__ import annotations

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.forget.image_index import refuse_overlap
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.utils.asked import BOOL, COUNT, IMAGES, LABELS, asks, maybe


class Unseen:
    """The mean score of unseen images: "this one may be real, but I was never trained on it".

    Args:
        images: real images that the GAN was never trained on, shape ``(M, ...)``, in the batch's value range.
        labels: their class labels ``(M,)``; needed where the discriminator takes labels.
        live: judge by the present discriminator; False: by the teacher's.
        samples: how many of the images are drawn for each step.
        trained: the training images, where you have them at hand: none of ``images`` may be among them.

    Raises:
        UnlearningError: if ``images`` is empty, ``labels`` has another length, or an image was trained on.

    Example:
        >>> import torch
        >>> fake_label = Unseen(torch.zeros(100, 1, 16, 16), live=True)
    """

    @asks(images=IMAGES, labels=maybe(LABELS), live=BOOL, samples=COUNT, trained=maybe(IMAGES))
    def __init__(
        self,
        images: Tensor,
        labels: Tensor | None = None,
        *,
        live: bool = True,
        samples: int = 64,
        trained: Tensor | None = None,
    ):
        name = type(self).__name__
        if len(images) == 0:
            raise UnlearningError(
                f"{name}() needs at least one real image that the GAN was never trained on; got none."
            )
        if labels is not None and len(labels) != len(images):
            raise UnlearningError(f"{name}() got {len(images)} images but {len(labels)} labels: give one an image.")
        if trained is not None:
            refuse_overlap(images, trained)
        self.images = images
        self.labels = labels
        self.live = live
        self.samples = samples

    def __call__(self, scores: Tensor, gan: GAN, teacher: GAN, regions: LatentRegions, requests: Tensor) -> Tensor:
        """Returns the mean score of unseen images; see :class:`FakeLabel`."""
        return self._unseen_scores(gan, teacher).mean().to(scores.dtype).expand(len(scores))

    def _unseen_scores(self, gan: GAN, teacher: GAN) -> Tensor:
        chosen = torch.randperm(len(self.images))[: self.samples].to(self.images.device)
        labels = None if self.labels is None else self.labels[chosen.to(self.labels.device)]
        return _scores(gan if self.live else teacher, self.images[chosen], labels)

    def unseen_images(self) -> list[Tensor]:
        """Returns the images, of which none must be in the loop's batches."""
        return [self.images]


def _scores(gan: GAN, images: Tensor, labels: Tensor | None) -> Tensor:
    # The caller has borrowed the live nets, so they are in eval mode here as the teacher's are.
    with torch.no_grad():
        return gan.score(images, labels)
