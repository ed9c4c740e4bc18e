"""The unlearning phase on a MONAI trainer."""

from __future__ import annotations

from typing import Any

from monai.engines import AdversarialTrainer, GanTrainer

from ignite_unlearn import GAN, CascadedUnlearning
from ignite_unlearn.cascade import FakeLabel, Substitution
from ignite_unlearn.forget import Forget
from ignite_unlearn_monai.nets import gan as gan_of


def unlearn(
    trainer: GanTrainer | AdversarialTrainer,
    *,
    forget: Forget,
    substitution: Substitution,
    fake_label: FakeLabel,
    gan: GAN | None = None,
    **options: Any,
) -> CascadedUnlearning:
    """Attaches an unlearning phase to a MONAI trainer whose nets are trained; run the trainer on then.

    Args:
        trainer: the trainer. A finished one runs on after ``trainer.state.max_epochs += epochs``.
        forget: what to forget.
        substitution: which image a forgotten latent is given.
        fake_label: which score a forgotten image is given.
        gan: the GAN, where something is to be given that :func:`~ignite_unlearn_monai.gan` finds, or cannot find.
        options: of :class:`ignite_unlearn.CascadedUnlearning`.

    Returns:
        The phase, attached.

    Raises:
        UnlearningError: as :func:`~ignite_unlearn_monai.gan` and :class:`ignite_unlearn.CascadedUnlearning` do.
    """
    unlearning = CascadedUnlearning(
        gan or gan_of(trainer), forget=forget, substitution=substitution, fake_label=fake_label, **options
    )
    unlearning.attach(trainer)
    return unlearning
