"""The audit of relearning, in the loop of a recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from ignite_unlearn.audits import AuditResult, Relearning
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.label_rows import discriminator_rows, draw_anew, generator_rows
from ignite_unlearn.recipes.data.split import Split
from ignite_unlearn.recipes.training.gan_training import GANTraining
from ignite_unlearn.recipes.training.training import Training

_LOOKED_WITH = 16  # latents
BACK = 0.9  # the share of the way from chance to the original's level that counts as back


def with_fresh_rows(gan: GAN, classes: tuple[int, ...]) -> None:
    """Draws anew what both nets hold for the labels of classes."""
    latents = gan.sample_latents(_LOOKED_WITH)
    images = gan.sample(_LOOKED_WITH, latents=latents)
    for rows in (*generator_rows(gan, latents), *discriminator_rows(gan, images)):
        draw_anew(rows, classes)


def relearning(
    split: Split,
    training: Training,
    level: Callable[[GAN], float],
    *,
    reached: float,
    give_up: int,
    begin: Callable[[GAN], object] = lambda gan: None,
) -> Relearning:
    """Returns the audit with a recipe's own learning step, on batches of which half are of the forget set.

    Args:
        split: the images.
        training: of the recipe.
        level: how much of what is to be forgotten a GAN knows.
        reached: the level that counts as back.
        give_up: iterations after which it is said not to come back.
        begin: changes a copy before it learns; what it draws is the same for every GAN, and another in each trial.
    """
    data, size = split.data, training.batch_size
    kinds = [mask.nonzero().flatten() for mask in (split.forgotten, ~split.forgotten)]

    def learn(gan: GAN) -> Callable[[], object]:
        begin(gan)
        loop = GANTraining(gan, training, unlearning=True)

        def step() -> None:
            chosen = torch.cat([rows[torch.randint(len(rows), (size // 2,)).to(rows.device)] for rows in kinds])
            loop.learn((data.images[chosen], data.labels[chosen]))

        return step

    return Relearning(learn, level, reached=reached, max_iterations=give_up, progress=False)


class FromOwnRow:
    """Relearning from the label's own row, beside a retrained GAN's from its own and from fresh ones.

    Where the row of a label that nobody trained lies is chance, and it decides how soon the class comes back. So what a
    retrained GAN needs is not known from its own row alone.

    Args:
        own: the audit from the row that a GAN has.
        fresh: the audit from rows that are drawn.
    """

    def __init__(self, own: Relearning, fresh: Relearning):
        self.key, self.title = own.key, own.title
        self._own, self._fresh = own, fresh

    def __call__(self, gan: GAN, *, retrained: AuditResult | None = None) -> AuditResult:
        """Audits a GAN; without a retrained one beside it, it may be that itself, and its range is that of all rows."""
        found = self._own(gan, retrained=retrained)
        if retrained is not None:
            return found
        drawn = self._fresh(gan)
        assert None not in (found.low, found.high, drawn.low, drawn.high)
        low, high = min(found.low, drawn.low), max(found.high, drawn.high)  # type: ignore[type-var]
        details = {**found.details, "iterations_from_fresh_rows": drawn.details["iterations"]}
        words = f"{found.verdict}; with fresh rows [{low:.3g}, {high:.3g}]"
        return replace(found, low=low, high=high, verdict=words, details=details)
