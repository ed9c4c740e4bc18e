"""Gauss-Newton in place of gradient descent for the discriminator: few images move, all others stay."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ignite_unlearn.cascade.step import FakeScores, Images
from ignite_unlearn.errors import UnlearningDivergedError, UnlearningError
from ignite_unlearn.forget.image_index import ImageIndex
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.score_gradients import along, head_inputs, score_gradients
from ignite_unlearn.handlers.rows import Rows
from ignite_unlearn.utils.linear_probe import fit_probe

_PROBED = 4  # a probe is fitted to so many times as many images as are held: they cost far less there


class GaussNewton:
    """Solves for the least change of one layer that gives forgotten images their fake labels and keeps retained scores.

    One ridge-regularised Gauss-Newton step (Levenberg 1944) in function space: with J the scores' gradients with
    respect to the layer's weight, an image a row, and r the scores that are to be added, the weight moves by
    ``J.T @ solve(J @ J.T + ridge * I, r)``. Retained images, drawn anew for each step, are held at the teacher's scores
    up to a shift common to all: with BatchNorm the level of all scores wanders from one learning step to the next, and
    an attack sees only their order.

    The default layer is the last hidden one. A score that forgets is not enough: the features before it may still tell
    (``docs/design.md``), and further learning steps then bring the score back. So where unseen images are given, each
    step first does the same with another score: the direction in which a linear probe tells retained from unseen images
    by the inputs of the head (as null-space projection does, Ravfogel et al. 2020, but with a target).

    Args:
        retained: retained training images ``(M, ...)``, in the batch's value range. None may be in the forget set.
        labels: their class labels ``(M,)``; needed where the discriminator takes labels.
        unseen: real images ``(K, ...)`` that the GAN was never trained on; they are held like the retained ones. None:
            only retained images are held, and features are left to remember.
        unseen_labels: their class labels ``(K,)``.
        layer: an ``nn.Linear`` or ungrouped ``nn.Conv2d`` of the discriminator that is called once for each image.
            None: the last such layer before the head, in the order of the calls.
        rows: how many of the retained images, and of the unseen ones, are drawn for a step.
        ridge: relative to the mean of the diagonal of ``J @ J.T``; larger moves less.

    Raises:
        UnlearningError: if a number does not fit, or the discriminator has no such layer.

    Example:
        >>> import torch
        >>> hidden = torch.nn.Linear(16, 8)
        >>> netD = torch.nn.Sequential(torch.nn.Flatten(), hidden, torch.nn.ReLU(), torch.nn.Linear(8, 1))
        >>> gan = GAN(torch.nn.Linear(2, 16), netD, latents=(2,))
        >>> retained, forgotten = torch.eye(16).view(16, 1, 4, 4)[:14], torch.eye(16).view(16, 1, 4, 4)[14:]
        >>> step = GaussNewton(retained, ridge=1e-6)
        >>> rows = Rows(forgotten, None, torch.tensor([True, True]))
        >>> numbers = step(gan, gan.teacher(), rows, lambda scores, gan, teacher: scores + 0.01)
        >>> round(numbers["fake_label_loss"], 6)
        0.0001
    """

    def __init__(
        self,
        retained: Tensor,
        labels: Tensor | None = None,
        *,
        unseen: Tensor | None = None,
        unseen_labels: Tensor | None = None,
        layer: nn.Module | None = None,
        rows: int = 256,
        ridge: float = 1e-3,
    ):
        if len(retained) == 0 or rows < 1 or ridge <= 0:
            raise UnlearningError(
                f"GaussNewton() got {len(retained)} retained images, rows={rows}, ridge={ridge}: each must be positive."
            )
        self.held = [(retained, labels)] + ([] if unseen is None else [(unseen, unseen_labels)])
        for images, given in self.held:
            if given is not None and len(given) != len(images):
                raise UnlearningError(f"GaussNewton() got {len(images)} images but {len(given)} labels: one an image.")
        self.layer = layer
        self.rows = rows
        self.ridge = ridge
        self._looked_for: Tensor | None = None

    def __call__(self, gan: GAN, teacher: GAN, rows: Rows, fake_label: FakeScores) -> dict[str, float]:
        """Takes one step; see :class:`.DiscriminatorStep`."""
        forgotten = self._forgotten(rows, gan.device)
        if len(forgotten[0]) == 0:
            return {}
        if len(self.held) > 1:
            with torch.no_grad():
                probed = [self._draw(i, _PROBED * self.rows, forgotten[0]) for i in range(2)]
                members, others = (head_inputs(gan, *images) for images in probed)
            direction = fit_probe(members, others)
            self._solve(along(gan, direction), along(teacher, direction), forgotten, fake_label)
        return self._solve(gan, teacher, forgotten, fake_label)

    def _solve(self, gan: GAN, teacher: GAN, forgotten: Images, fake_label: FakeScores) -> dict[str, float]:
        n, held = len(forgotten[0]), [self._draw(i, self.rows, forgotten[0]) for i in range(len(self.held))]
        images, labels = _joined([forgotten, *held])
        found = score_gradients(gan, images, labels, self.layer)
        scores, retained = found.scores, slice(0, len(held[0][0]))
        with torch.no_grad():
            targets = fake_label(scores[:n], gan, teacher)
            missing = teacher.score(images[n:], None if labels is None else labels[n:]) - scores[n:]
            wanted = torch.cat([targets - scores[:n], missing - missing[retained].mean()]).double()
            gram = found.gram().double()
            gram.diagonal().add_(self.ridge * gram.diagonal().mean())
            shares, failed = torch.linalg.solve_ex(gram, wanted)
            if bool(failed) or not bool(shares.isfinite().all()):
                raise UnlearningDivergedError(
                    "The discriminator's scores or fake labels are not finite, so the Gauss-Newton step has no "
                    "solution: the last good weights are back. Check that the loop's own losses stay finite."
                )
            found.layer.weight.add_(found.combined(shares))
            squares = wanted.square()
            numbers = torch.stack([squares[:n].mean(), squares[n:].mean(), scores[:n].mean(), targets.mean()]).tolist()
        names = ("fake_label_loss", "discriminator_anchor_loss", "forget_score", "fake_label")
        return dict(zip(names, numbers, strict=True))

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
            raise UnlearningError(f"{shared} of GaussNewton's retained images are in the forget set: leave them out.")
        self._looked_for = images if self._looked_for is None else torch.cat([self._looked_for, images])


def _joined(parts: list[Images]) -> Images:
    images = torch.cat([images for images, _ in parts])
    labels = [labels.to(images.device) for _, labels in parts if labels is not None]
    return images, torch.cat(labels) if len(labels) == len(parts) else None
