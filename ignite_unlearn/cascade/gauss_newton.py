"""Gauss-Newton in place of gradient descent for the discriminator: few images move, all others stay."""

from __future__ import annotations

import torch

from ignite_unlearn.cascade.aims import FakeScores, Images
from ignite_unlearn.cascade.layer_step import LayerStep, joined, move_nearer, numbers_of, solved
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.score_gradients import score_gradients


class GaussNewton(LayerStep):
    """Solves for the least change of one layer that gives forgotten images their fake labels and keeps retained scores.

    One ridge-regularised Gauss-Newton step (Levenberg 1944) in function space: with J the scores' gradients with
    respect to the layer's weight, an image a row, and r the scores that are to be added, the weight moves by
    ``J.T @ solve(J @ J.T + ridge * I, r)``. Retained images, drawn anew for each step, are held at the teacher's scores
    up to a shift common to all: with BatchNorm the level of all scores wanders from one learning step to the next, and
    an attack sees only their order.

    The default layer is the last hidden one; see :class:`.LayerStep` for the arguments.

    Example:
        >>> import torch
        >>> from ignite_unlearn.handlers import Rows
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

    def _solve(self, gan: GAN, teacher: GAN, forgotten: Images, fake_label: FakeScores) -> dict[str, float]:
        n, held = len(forgotten[0]), [self._draw(i, self.rows, forgotten[0]) for i in range(len(self.held))]
        images, labels = joined([forgotten, *held])
        found = score_gradients(gan, images, labels, self.layer)
        scores, retained = found.scores, slice(0, len(held[0][0]))
        with torch.no_grad():
            targets = fake_label(scores[:n], gan, teacher)
            missing = teacher.score(images[n:], None if labels is None else labels[n:]) - scores[n:]
            wanted = torch.cat([targets - scores[:n], missing - missing[retained].mean()]).double()
            change = found.combined(solved(found.gram(), wanted, self.ridge))
            move_nearer(gan, found, change, (images, labels), wanted)
        return numbers_of(wanted[:n], wanted[n:], scores[:n].double(), targets.double())
