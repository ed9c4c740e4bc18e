"""A Kronecker-factored step of the discriminator: as Gauss-Newton, and retained images are held by their statistics."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ignite_unlearn.cascade.aims import FakeScores, Images
from ignite_unlearn.cascade.layer_step import LayerStep, joined, move_nearer, numbers_of, solved
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.score_gradients import score_gradients
from ignite_unlearn.utils.asked import asks, number


class KFAC(LayerStep):
    """Gives forgotten images their fake labels by the change of one layer that other images' scores feel least.

    Where :class:`.GaussNewton` holds each retained image of a draw, this holds all images that are like
    them: the mean square of their scores' changes is a quadratic form in the change of the weight, which the Kronecker
    product of two small covariances stands for (K-FAC: Martens and Grosse 2015). Of all changes that move the forgotten
    scores as far as is wanted, the one with the smallest such form is taken. What is solved is then as small as the
    request, and a step costs a fraction of one of Gauss-Newton.

    The arguments are those of :class:`.LayerStep`, and one more. Of its numbers ``discriminator_anchor_loss`` is that
    form: the mean square by which held scores move in the step, as their statistics tell.

    Args:
        retained: retained training images; None: those of the loop's batches.
        labels: their class labels.
        unseen: real images that the GAN was never trained on.
        unseen_labels: their class labels.
        layer: that is moved.
        rows: how many of the retained images, and of the unseen ones, the covariances are taken of.
        ridge: of the system in the forgotten images; larger moves less.
        damping: what is added to the covariances' diagonals, relative to their mean; its root to each of them.

    Raises:
        UnlearningError: if a number does not fit, or the discriminator has no such layer.

    Example:
        >>> import torch
        >>> from ignite_unlearn.handlers import Rows
        >>> hidden = torch.nn.Linear(16, 8)
        >>> netD = torch.nn.Sequential(torch.nn.Flatten(), hidden, torch.nn.ReLU(), torch.nn.Linear(8, 1))
        >>> gan = GAN(torch.nn.Linear(2, 16), netD, latents=(2,))
        >>> retained, forgotten = torch.eye(16).view(16, 1, 4, 4)[:14], torch.eye(16).view(16, 1, 4, 4)[14:]
        >>> rows = Rows(forgotten, None, torch.tensor([True, True]))
        >>> numbers = KFAC(retained)(gan, gan.teacher(), rows, lambda scores, gan, teacher: scores + 0.01)
        >>> round(numbers["fake_label_loss"], 6)
        0.0001
    """

    @asks(damping=number())
    def __init__(
        self,
        retained: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        unseen: Tensor | None = None,
        unseen_labels: Tensor | None = None,
        layer: nn.Module | None = None,
        rows: int = 192,
        ridge: float = 1e-3,
        damping: float = 1e-3,
    ):
        if damping <= 0:
            raise UnlearningError(f"KFAC(damping={damping}) must be more than 0.")
        super().__init__(
            retained, labels, unseen=unseen, unseen_labels=unseen_labels, layer=layer, rows=rows, ridge=ridge
        )
        self.damping = damping

    def _solve(self, gan: GAN, teacher: GAN, forgotten: Images, fake_label: FakeScores) -> dict[str, float]:
        held = [self._draw(i, self.rows, forgotten[0]) for i in range(len(self.held))]
        others = score_gradients(gan, *joined(held), self.layer)
        found = score_gradients(gan, *forgotten, self.layer)
        with torch.no_grad():
            targets = fake_label(found.scores, gan, teacher)
            wanted = targets - found.scores
            factors = [torch.linalg.cholesky(self._damped(c)) for c in others.covariances()]
            white = found.whitened(*factors)
            change = white.combined(solved(white.gram(), wanted, self.ridge)).flatten(1)
            moved = change.norm()[None]  # by how much held scores move, as their statistics tell
            # Back from the coordinates in which both covariances are the identity.
            change = torch.linalg.solve_triangular(factors[0], change, upper=False, left=False)
            change = torch.linalg.solve_triangular(factors[1].mT, change, upper=True)
            moved *= move_nearer(gan, found, change, forgotten, wanted)
        return numbers_of(wanted, moved, found.scores, targets)

    def _damped(self, covariance: Tensor) -> Tensor:
        damped = covariance.clone()
        mean = covariance.diagonal().mean()
        damped.diagonal().add_(self.damping**0.5 * mean if mean > 0 else 1.0)  # zero behind units that are dead
        return damped
