"""Fake labels: the score that the discriminator is to give a forgotten image.

The specification is what a retrained discriminator does: a forgotten item becomes an *unseen* image, and a forgotten
class lies between unseen and generated images. (That the discriminator needs such a label is from the abstract of Sun
et al. 2023, arXiv 2308.09881; the choices below are ours.)
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.forget.image_index import refuse_overlap
from ignite_unlearn.gan.borrow import step_seed
from ignite_unlearn.gan.gan import GAN


class FakeLabel(Protocol):
    """Says which scores the discriminator is to give."""

    def __call__(self, scores: Tensor, gan: GAN, teacher: GAN, regions: LatentRegions, requests: Tensor) -> Tensor:
        """Returns the target score of every forgotten image.

        Args:
            scores: the present scores of the forgotten images of all processes, shape ``(N,)``, without gradients; N
                may be 0.
            gan: the GAN as it is now.
            teacher: the frozen original GAN.
            regions: where forgotten and retained images are made.
            requests: which request each image came with, int64 ``(N,)``: 0 for all but what was added later,
                ``ForgetItems.add``. Each request is to be forgotten by itself, not only all of them together.

        Returns:
            Target scores of shape ``(N,)``, as logits or critic values.
        """


class Fixed:
    """The same score for all: a constant, so frozen and live are one.

    Args:
        score: the target, as a logit or critic value; -1 is the usual "generated" of a hinge loss.

    Example:
        >>> import torch
        >>> Fixed(-1.0)(torch.zeros(2), None, None, None, None).tolist()
        [-1.0, -1.0]
    """

    def __init__(self, score: float = -1.0):
        self.score = float(score)

    def __call__(self, scores: Tensor, gan: GAN, teacher: GAN, regions: LatentRegions, requests: Tensor) -> Tensor:
        """Returns the constant; see :class:`FakeLabel`."""
        return torch.full_like(scores, self.score)


class Generated:
    """The mean score of generated retained images: "this one is not real".

    Args:
        live: judge the present generator's images by the present discriminator; False: both as in the teacher.
        samples: how many images the mean is taken over.

    Example:
        >>> fake_label = Generated(live=True)
    """

    def __init__(self, *, live: bool = True, samples: int = 64):
        self.live = live
        self.samples = samples

    def __call__(self, scores: Tensor, gan: GAN, teacher: GAN, regions: LatentRegions, requests: Tensor) -> Tensor:
        """Returns the mean score of generated images; see :class:`FakeLabel`."""
        latents, labels = regions.retained(self.samples)
        source = gan if self.live else teacher
        level = _scores(source, source.sample(self.samples, labels, latents=latents), labels).mean()
        return level.to(scores.dtype).expand(len(scores))


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


class UnseenQuantiles(Unseen):
    """Quantiles of unseen images' scores, matched by rank: forgotten images spread as unseen ones do.

    The mean alone gives all forgotten images one score, and so betrays them by their lack of spread. Of n forgotten
    images the one with the k-th lowest score (k from 0) is to get the quantile ``(k + u[k]) / n`` of the unseen scores,
    with u drawn from [0, 1) once and for all by ``seed``: a single image gets a place that nobody can foretell. Each
    request is ranked by itself, with a u of its own: in one pool the later ones, whose scores are still high, would
    take the upper quantiles and push the earlier ones down.

    Args:
        images: as for :class:`Unseen`.
        labels: as for :class:`Unseen`.
        live: as for :class:`Unseen`.
        samples: as for :class:`Unseen`; the spread needs more of them than a mean does.
        trained: as for :class:`Unseen`.
        seed: of the places; give each request one of its own.

    Raises:
        UnlearningError: as for :class:`Unseen`.

    Example:
        >>> import torch
        >>> fake_label = UnseenQuantiles(torch.zeros(100, 1, 16, 16))
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor | None = None,
        *,
        live: bool = True,
        samples: int = 512,
        trained: Tensor | None = None,
        seed: int = 0,
    ):
        super().__init__(images, labels, live=live, samples=samples, trained=trained)
        self.seed = seed

    def __call__(self, scores: Tensor, gan: GAN, teacher: GAN, regions: LatentRegions, requests: Tensor) -> Tensor:
        """Returns a quantile of the unseen images' scores for each image; see :class:`FakeLabel`."""
        unseen = self._unseen_scores(gan, teacher).to(scores)  # also without rows: it moves the random number stream
        targets = torch.empty_like(scores)
        for request in requests.unique().tolist():
            mine = scores[requests == request]
            ranks = mine.argsort().argsort()
            places = (torch.arange(len(mine)).to(scores) + self._shifts(request, len(mine)).to(scores)) / len(mine)
            targets[requests == request] = torch.quantile(unseen, places)[ranks]
        return targets

    def _shifts(self, request: int, n: int) -> Tensor:
        seed = step_seed(self.seed, request) if request else self.seed
        return torch.rand(n, generator=torch.Generator().manual_seed(seed))


class Between:
    """A score between two fake labels: ``(1 - weight) * low + weight * high``, as live or frozen as the two are.

    Args:
        low: the fake label at weight 0, such as ``Generated()``.
        high: the fake label at weight 1, such as ``Unseen(images)``.
        weight: where between the two, in [0, 1].

    Raises:
        UnlearningError: if ``weight`` is outside [0, 1].

    Example:
        >>> import torch
        >>> Between(Fixed(-1), Fixed(3), weight=0.25)(torch.zeros(1), None, None, None, None).tolist()
        [0.0]
    """

    def __init__(self, low: FakeLabel, high: FakeLabel, weight: float = 0.5):
        if not 0 <= weight <= 1:
            raise UnlearningError(f"Between(..., weight={weight}) must be in [0, 1]: 0 is the first label.")
        self.low = low
        self.high = high
        self.weight = weight

    def __call__(self, scores: Tensor, gan: GAN, teacher: GAN, regions: LatentRegions, requests: Tensor) -> Tensor:
        """Returns the scores between the two; see :class:`FakeLabel`."""
        return torch.lerp(
            self.low(scores, gan, teacher, regions, requests),
            self.high(scores, gan, teacher, regions, requests),
            self.weight,
        )

    def unseen_images(self) -> list[Tensor]:
        """Returns the unseen images that the two fake labels were given, a set each."""
        return [images for label in (self.low, self.high) for images in getattr(label, "unseen_images", list)()]


def _scores(gan: GAN, images: Tensor, labels: Tensor | None) -> Tensor:
    # The caller has borrowed the live nets, so they are in eval mode here as the teacher's are.
    with torch.no_grad():
        return gan.score(images, labels)
