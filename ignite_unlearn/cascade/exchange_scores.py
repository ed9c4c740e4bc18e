"""A step of the discriminator for classes: what is forgotten and its substitute exchange their scores."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import partial, reduce
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss

from ignite_unlearn.cascade.aims import Aims, Images
from ignite_unlearn.cascade.descent import Descent, OptimizerFactory
from ignite_unlearn.errors import UnlearningDivergedError, UnlearningError
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.handlers.rows import Rows
from ignite_unlearn.utils.asked import COUNT, MAKER, asks, number

_adam = partial(torch.optim.Adam, lr=1e-3, betas=(0.5, 0.99), eps=1e-4)


class _Term(NamedTuple):
    images: Images
    wanted: Tensor | None = None  # scores (N,); None: fake labels
    held: bool = False


class ExchangeScores:
    """Takes forgotten images for fakes, and substitutes under the forgotten label for real.

    A loop that still asks its generator for a forgotten label, as most do that draw labels at random, lets the
    discriminator say what belongs there. One that remembers leads the generator back within a hundred learning steps,
    however well that had forgotten. So the discriminator is taught the same exchange: forgotten images get their fake
    labels, both the batch's and those that the teacher makes, and their substitutes get what the teacher says
    of real retained images. Retained images, real and made, are held at the teacher's scores.

    Args:
        steps: of the optimiser in an unlearning step.
        batch_size: images of each kind that are made for a step.
        anchor: weight of what is held.
        optimizer: makes the step's own optimiser of the discriminator's parameters.

    Raises:
        UnlearningError: if a number does not fit.

    Example:
        >>> step = ExchangeScores(steps=8)
    """

    @asks(steps=COUNT, batch_size=COUNT, anchor=number(), optimizer=MAKER)
    def __init__(
        self,
        *,
        steps: int = 4,
        batch_size: int = 64,
        anchor: float = 1.0,
        optimizer: OptimizerFactory = _adam,
    ):
        if min(steps, batch_size) < 1 or anchor < 0:
            raise UnlearningError(
                f"ExchangeScores(steps={steps}, batch_size={batch_size}, anchor={anchor}): the first two must be at "
                "least 1, the last not negative."
            )
        self.steps, self.batch_size, self.anchor, self.optimizer = steps, batch_size, anchor, optimizer
        self._made: tuple[nn.Module, Descent] | None = None
        self._loaded: Mapping[str, Any] | None = None

    def __call__(self, gan: GAN, teacher: GAN, rows: Rows, aims: Aims) -> dict[str, float]:
        """Takes the steps; see :class:`.DiscriminatorStep`."""
        descent = self._descent_of(gan.discriminator)
        real = _retained(gan, rows)
        numbers: dict[str, float] = {}
        for _ in range(self.steps):
            losses = torch.zeros(2, device=gan.device)  # what is exchanged, what is held
            gradients = []
            for term in self._terms(gan, teacher, rows, real, aims):
                scores = gan.score(*term.images)
                wanted = aims(scores.detach(), gan, teacher) if term.wanted is None else term.wanted
                loss = smooth_l1_loss(scores, wanted)
                losses[int(term.held)] += loss.detach()
                # One graph at a time: all of them would be the most that a phase holds.
                gradients.append(descent.gradients(self.anchor * loss if term.held else loss))
                del scores, loss
            values = losses.tolist()
            if not all(abs(value) < float("inf") for value in values):
                raise UnlearningDivergedError(
                    f"The unlearning loss of the discriminator is not finite ({values[0]:.3g} and {values[1]:.3g}): "
                    "the last good weights are back. Check that the loop's own losses stay finite."
                )
            descent.step(descent.moving, _summed(gradients))
            numbers = dict(zip(("fake_label_loss", "discriminator_anchor_loss"), values, strict=True))
        return numbers

    def _terms(self, gan: GAN, teacher: GAN, rows: Rows, real: Images | None, aims: Aims) -> list[_Term]:
        """Returns the images that take part, and what they are led to."""
        n = self.batch_size
        (latents, labels), (kept, kept_labels) = aims.regions.forgotten(n), aims.regions.retained(n)
        made = teacher.sample(len(kept), kept_labels, latents=kept), kept_labels
        with torch.no_grad():
            held = [_Term(pair, teacher.score(*pair), True) for pair in ([made] if real is None else [made, real])]
        exchanged = []
        if len(latents):
            old = teacher.sample(len(latents), labels, latents=latents)
            with torch.no_grad():
                substitutes = aims.substitutes(teacher, latents, labels)
            last = held[-1].wanted  # of real images where the batch has any
            assert last is not None
            exchanged += [_Term((old, labels)), _Term((substitutes, labels), last.mean().expand(len(latents)))]
        if rows.examples is not None and len(rows.examples.images):
            labels = rows.examples.labels
            images = rows.examples.images.detach().to(gan.device)
            exchanged.append(_Term((images, None if labels is None else labels.to(gan.device))))
        return exchanged + held

    def _descent_of(self, discriminator: nn.Module) -> Descent:
        if self._made is None or self._made[0] is not discriminator:
            trained = [p for p in discriminator.parameters() if p.requires_grad]
            self._made = discriminator, Descent(trained, self.optimizer)
            if self._loaded is not None:
                self._made[1].load_state_dict(self._loaded)
                self._loaded = None
        return self._made[1]

    def mend(self) -> None:
        """Lets the optimiser begin again where a moment is not finite."""
        if self._made is not None:
            self._made[1].mend()

    def state_dict(self) -> dict[str, Any]:
        """Returns the optimiser's state; empty before the first step."""
        return {} if self._made is None else self._made[1].state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads the optimiser's state."""
        self._made, self._loaded = None, copy.deepcopy(state) or None


def _retained(gan: GAN, rows: Rows) -> Images | None:
    """Returns the retained rows, on the GAN's device; None where there are none."""
    kept = ~rows.forgotten
    if not bool(kept.any()):
        return None
    images, labels = rows.images.detach()[kept], None if rows.labels is None else rows.labels[kept]
    return images.to(gan.device), None if labels is None else labels.to(gan.device)


def _summed(gradients: Sequence[Sequence[Tensor | None]]) -> list[Tensor | None]:
    """Returns the sums of several losses' gradients, added as one graph of all would: the last first."""
    return [reduce(_plus, found) for found in zip(*reversed(gradients), strict=True)]


def _plus(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    return other if one is None else one if other is None else one + other
