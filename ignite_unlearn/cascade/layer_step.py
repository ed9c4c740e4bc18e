"""Steps of the discriminator that move one layer: few images get other scores, and all others keep theirs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ignite_unlearn.cascade.aims import FakeScores, Images
from ignite_unlearn.errors import UnlearningDivergedError, UnlearningError
from ignite_unlearn.forget.image_index import ImageIndex
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.score_gradients import ScoreGradients, along, head_inputs
from ignite_unlearn.handlers.rows import Rows
from ignite_unlearn.utils.asked import COUNT, IMAGES, LABELS, asks, kind, maybe, number
from ignite_unlearn.utils.linear_probe import fit_probe

_REMEMBERED = 1024  # retained rows of batches, where no images were given
_HALVINGS = 8  # of a step; what leads away even so is not taken
_PROBED = 4  # a probe is fitted to so many times as many images as are held: they cost far less there


class LayerStep(ABC):
    """What :class:`.GaussNewton` and :class:`.KFAC` share: images that are held, a layer, and a probe.

    A score that forgets is not enough: the features before it may still tell, and further learning steps then bring the
    score back. So where unseen images are given, each step first does the same with another score: the direction in
    which a linear probe tells retained from unseen images by the inputs of the head (as null-space projection does,
    Ravfogel et al. 2020, but with a target, which lies where unseen images do).

    Args:
        retained: retained training images ``(M, ...)``, in the batch's value range. None may be in the forget set.
            None: those of the loop's batches, as they go by.
        labels: their class labels ``(M,)``; needed where the discriminator takes labels.
        unseen: real images ``(K, ...)`` that the GAN was never trained on; they are held like the retained ones. None:
            only retained images are held, and features are left to remember.
        unseen_labels: their class labels ``(K,)``.
        layer: an ``nn.Linear`` or ungrouped ``nn.Conv2d`` of the discriminator, plain or under spectral norm, that is
            called once for each image. None: the last such layer before the head, in the order of the calls.
        rows: how many of the retained images, and of the unseen ones, are drawn for a step.
        ridge: relative to the mean of the diagonal of what is solved; larger moves less.

    Raises:
        UnlearningError: if a number does not fit, or the discriminator has no such layer.
    """

    @asks(
        retained=maybe(IMAGES),
        labels=maybe(LABELS),
        unseen=maybe(IMAGES),
        unseen_labels=maybe(LABELS),
        layer=maybe(kind("an nn.Module", nn.Module)),
        rows=COUNT,
        ridge=number(),
    )
    def __init__(
        self,
        retained: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        unseen: Tensor | None = None,
        unseen_labels: Tensor | None = None,
        layer: nn.Module | None = None,
        rows: int = 256,
        ridge: float = 1e-3,
    ):
        name = type(self).__name__
        n = 1 if retained is None else len(retained)
        if n == 0 or rows < 1 or ridge <= 0:
            raise UnlearningError(
                f"{name}() got {n} retained images, rows={rows}, ridge={ridge}: each must be positive."
            )
        self._recent = retained is None
        first = (torch.zeros(0), None) if retained is None else (retained, labels)
        self.held: list[Images] = [first] + ([] if unseen is None else [(unseen, unseen_labels)])
        for images, given in self.held:
            if given is not None and len(given) != len(images):
                raise UnlearningError(f"{name}() got {len(images)} images but {len(given)} labels: one an image.")
        self.layer = layer
        self.rows = rows
        self.ridge = ridge
        self._looked_for: Tensor | None = None

    def __call__(self, gan: GAN, teacher: GAN, rows: Rows, aims: FakeScores) -> dict[str, float]:
        """Takes one step; see :class:`.DiscriminatorStep`."""
        if self._recent:
            self._remember(rows)
        forgotten = self._forgotten(rows, gan.device)
        if len(forgotten[0]) == 0 or len(self.held[0][0]) == 0:
            return {}
        if len(self.held) > 1:
            with torch.no_grad():
                probed = [self._draw(i, _PROBED * self.rows, forgotten[0]) for i in range(2)]
                members, others = (head_inputs(gan, *images) for images in probed)
            direction = fit_probe(members, others)
            low, high = (others @ direction).aminmax()

            def within(scores: Tensor, gan: GAN, teacher: GAN) -> Tensor:
                return aims(scores, gan, teacher).clamp(low, high)  # else a fixed score would lead anywhere

            self._solve(along(gan, direction), along(teacher, direction), forgotten, within)
        return self._solve(gan, teacher, forgotten, aims)

    @abstractmethod
    def _solve(self, gan: GAN, teacher: GAN, forgotten: Images, fake_label: FakeScores) -> dict[str, float]:
        """Moves the layer's weight once, by the scores of this GAN, and returns the numbers of the step."""

    def state_dict(self) -> dict[str, Any]:
        """Returns the retained rows that went by; empty where the images were given."""
        return {"images": self.held[0][0], "labels": self.held[0][1]} if self._recent else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads what :meth:`state_dict` returned."""
        if self._recent and state:
            self.held = [(state["images"], state["labels"]), *self.held[1:]]

    def _remember(self, rows: Rows) -> None:
        """Keeps the last retained rows."""
        kept = ~rows.forgotten
        images = rows.images.detach()[kept].cpu()
        labels = None if rows.labels is None else rows.labels[kept].cpu()
        old, old_labels = self.held[0]
        if len(old):
            images = torch.cat([old, images])
            labels = None if labels is None or old_labels is None else torch.cat([old_labels, labels])
        # The list is another one each time: a copy of this step must not see it.
        recent = images[-_REMEMBERED:], None if labels is None else labels[-_REMEMBERED:]
        self.held = [recent, *self.held[1:]]

    def _draw(self, kind: int, rows: int, like: Tensor) -> Images:
        images, labels = self.held[kind]
        chosen = torch.randperm(len(images))[:rows]
        return images[chosen.to(images.device)].to(like), None if labels is None else labels[chosen.to(labels.device)]

    def unseen_images(self) -> list[Tensor]:
        """Returns the unseen images, of which none must be in the loop's batches."""
        return [images for images, _ in self.held[1:]]

    def _forgotten(self, rows: Rows, device: torch.device) -> tuple[Tensor, Tensor | None]:
        """Returns the forgotten images and labels, the same on every process."""
        if rows.examples is not None:
            images, labels = rows.examples.images, rows.examples.labels
        else:
            images = rows.images[rows.forgotten]
            labels = None if rows.labels is None else rows.labels[rows.forgotten]
        self._refuse_overlap(images.detach())
        return images.detach().to(device), None if labels is None else labels.to(device)

    def _refuse_overlap(self, images: Tensor) -> None:
        """Refuses retained images that are forgotten ones; each of these is looked for once."""
        if self._looked_for is not None and len(images):
            images = images[ImageIndex(self._looked_for).find(images) < 0]
        if len(images) == 0:
            return
        shared = int((ImageIndex(images).find(self.held[0][0].to(images)) >= 0).sum())
        if shared:
            whose = f"{type(self).__name__}'s retained images"
            raise UnlearningError(f"{shared} of {whose} are in the forget set: leave them out.")
        self._looked_for = images if self._looked_for is None else torch.cat([self._looked_for, images])


def solved(gram: Tensor, wanted: Tensor, ridge: float) -> Tensor:
    """Returns the solution ``(N,)`` of a ridge-regularised system, in double precision.

    Raises:
        UnlearningDivergedError: if it has none.
    """
    gram = gram.double()
    if not bool(gram.any()):  # no weight of the layer moves these scores, such as behind units that are dead
        return torch.zeros_like(wanted, dtype=gram.dtype)
    gram.diagonal().add_(ridge * gram.diagonal().mean())
    shares, failed = torch.linalg.solve_ex(gram, wanted.double())
    if bool(failed) or not bool(shares.isfinite().all()):
        raise UnlearningDivergedError(
            "The discriminator's scores or fake labels are not finite, so the step of its layer has no solution: the "
            "last good weights are back. Check that the loop's own losses stay finite."
        )
    return shares


def move_nearer(gan: GAN, found: ScoreGradients, change: Tensor, images: Images, wanted: Tensor) -> float:
    """Changes the layer's weight by what brings scores nearer to where they should go: all of ``change``, or a part.

    The change was solved for as if scores were linear in the weight. Where they are not, a whole one can lead away from
    what is wanted, and step after step the weights grow; then the half is tried, and so on (Armijo 1966).

    Args:
        gan: whose scores are looked at.
        found: their gradients.
        change: of the weight, in its shape or flattened.
        images: of which ``found`` is, and their labels.
        wanted: what is to be added to their scores ``(N,)``.

    Returns:
        What share of the change was made, a power of one half, or 0.
    """
    weight = found.weight.data
    start, before = weight.clone(), wanted.square().sum()
    for halved in range(_HALVINGS):
        found.move(change / 2**halved)
        left = wanted - (gan.score(*images) - found.scores)
        if left.square().sum() <= before:
            return 0.5**halved
        weight.copy_(start)
    return 0.0


def joined(parts: list[Images]) -> Images:
    """Returns images and labels of several sets as one."""
    images = torch.cat([images for images, _ in parts])
    labels = [labels.to(images.device) for _, labels in parts if labels is not None]
    return images, torch.cat(labels) if len(labels) == len(parts) else None


def numbers_of(wanted: Tensor, held: Tensor, scores: Tensor, targets: Tensor) -> dict[str, float]:
    """Returns the numbers of a step.

    Args:
        wanted: what is to be added to the scores of forgotten images ``(N,)``.
        held: what is missing from the scores of held images ``(H,)``.
        scores: of forgotten images ``(N,)``.
        targets: their fake labels ``(N,)``.
    """
    values = torch.stack([wanted.square().mean(), held.square().mean(), scores.mean(), targets.mean()])
    names = ("fake_label_loss", "discriminator_anchor_loss", "forget_score", "fake_label")
    return dict(zip(names, values.tolist(), strict=True))
