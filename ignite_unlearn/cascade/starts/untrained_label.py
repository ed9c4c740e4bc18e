"""The label begun anew: it shows what a label shows that nobody trained, as in a retrained GAN."""

from __future__ import annotations

from ignite_unlearn.cascade.starts.own_directions import own_directions, redraw
from ignite_unlearn.cascade.substitutions.substitution import Substitution
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.label_rows import discriminator_rows, draw_anew, generator_rows
from ignite_unlearn.gan.layers import readers


class UntrainedLabel:
    """Draws anew what both nets hold for a forgotten label, and what the generator's layers do along its own direction.

    After retraining, a label that was never asked for still has what it began with: a row of noise, which layers read
    with the noise that they began with in its direction. So it is here, in closed form. No retained label has a part in
    that direction, so no retained image changes. The label then shows no substitute but what an untrained label shows,
    a blend of the retained classes. Erasing the direction instead would leave a zero that one look at the singular
    values finds (:class:`~ignite_unlearn.audits.NullDirections`). A relative without redrawing, which erases a class's
    directions of activations: Kodge et al. (2024, TMLR).

    A row is drawn as the retained labels' rows lie, by mean and spread of each column; of layers the direction as these
    are in directions that no label uses, or, where labels use all, as in those that they do.

    Args:
        samples: how many latents the layers are looked at with.

    Raises:
        UnlearningError: if ``samples`` is not positive; when called, if no layer of the generator takes labels as an
            embedding or one-hot, or what takes them does not train.

    Example:
        >>> import torch
        >>> from ignite_unlearn import ForgetClasses
        >>> from ignite_unlearn.cascade.substitutions.other_class import OtherClass
        >>> table = torch.nn.Embedding(3, 8)
        >>> netD = torch.nn.Linear(8, 1)
        >>> gan = GAN(table, netD, latents=(8,), labels=3, generate=lambda net, z, y: z + net(y))
        >>> teacher = gan.teacher()
        >>> UntrainedLabel()(gan, teacher, ForgetClasses({2}).regions(teacher), OtherClass())
        >>> (table.weight == teacher.generator.weight).all(1).tolist()
        [True, True, False]
    """

    def __init__(self, *, samples: int = 16):
        if samples < 1:
            raise UnlearningError(f"UntrainedLabel(samples={samples}) must be at least 1.")
        self.samples = samples

    def __call__(self, gan: GAN, teacher: GAN, regions: LatentRegions, substitution: Substitution) -> None:
        """Changes both nets; see :class:`.Start`."""
        latents, retained = teacher.sample_latents(self.samples), regions.retained_classes
        found = generator_rows(gan, latents)
        if gan.labels is None or retained is None or not found:
            raise UnlearningError(
                "UntrainedLabel needs a class request and a generator that takes labels as an nn.Embedding or one-hot: "
                "leave `start` out."
            )
        if not all(rows.trains for rows in found):
            raise UnlearningError(
                "UntrainedLabel changes what the generator holds for labels, but the loop does not train it: leave "
                "`start` out, or give what trains, GAN(..., trained=...)."
            )
        forgotten = sorted(set(range(gan.labels)) - set(retained))
        scored = [rows for rows in discriminator_rows(gan, gan.sample(self.samples, latents=latents)) if rows.trains]
        for rows in found:
            if rows.embedding and not rows.scaled:
                directions = own_directions(rows.rows, forgotten, retained)
                for weight, columns in readers(gan, rows.module, latents):
                    redraw(weight, columns, directions, rows.rows)
        for rows in (*found, *scored):
            draw_anew(rows, forgotten)
