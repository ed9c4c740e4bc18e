"""The unlearning phase on an engine of mimicry's train steps."""

from __future__ import annotations

from typing import Any

from ignite.engine import Engine

from ignite_unlearn import GAN, CascadedUnlearning, UnlearningError
from ignite_unlearn.cascade import FakeLabel, Substitution
from ignite_unlearn.forget import Forget
from ignite_unlearn_mimicry.learning import TrainSteps
from ignite_unlearn_mimicry.nets import gan as gan_of


def unlearn(
    engine: Engine,
    *,
    forget: Forget,
    substitution: Substitution,
    fake_label: FakeLabel,
    gan: GAN | None = None,
    **options: Any,
) -> CascadedUnlearning:
    """Attaches an unlearning phase to an engine made by :func:`~ignite_unlearn_mimicry.engine`; run that engine then.

    The nets as they are now are the original GAN: restore their checkpoints before.

    Args:
        engine: what ``engine(netG, netD, optG, optD)`` returned.
        forget: what to forget. Of an unconditional net a class is found by a classifier.
        substitution: which image a forgotten latent is given.
        fake_label: which score a forgotten image is given.
        gan: the GAN; None: the engine's nets, as :func:`~ignite_unlearn_mimicry.gan` calls them.
        options: of :class:`ignite_unlearn.CascadedUnlearning`.

    Returns:
        The phase, attached.

    Raises:
        UnlearningError: if the engine is none of mimicry's train steps.
    """
    if not isinstance(engine, TrainSteps):
        raise UnlearningError(
            f"unlearn() got a {type(engine).__name__}: expected an engine over mimicry's train steps. Make it first, "
            "learning = engine(netG, netD, optG, optD), and run it in place of mimicry's Trainer."
        )
    unlearning = CascadedUnlearning(
        gan or gan_of(engine.netG, engine.netD),
        forget=forget,
        substitution=substitution,
        fake_label=fake_label,
        **options,
    )
    unlearning.attach(engine)
    return unlearning
