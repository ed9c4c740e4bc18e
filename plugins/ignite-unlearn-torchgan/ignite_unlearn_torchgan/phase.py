"""The unlearning phase on an engine of torchgan's losses."""

from __future__ import annotations

from typing import Any

from ignite.engine import Engine
from torchgan.models import Discriminator, Generator

from ignite_unlearn import GAN, CascadedUnlearning, UnlearningError
from ignite_unlearn.cascade import FakeLabel, Substitution
from ignite_unlearn.forget import Forget
from ignite_unlearn_torchgan.learning import TrainOps, nets
from ignite_unlearn_torchgan.nets import gan as gan_of


def unlearn(
    engine: Engine,
    *,
    forget: Forget,
    substitution: Substitution,
    fake_label: FakeLabel,
    gan: GAN | None = None,
    **options: Any,
) -> CascadedUnlearning:
    """Attaches an unlearning phase to an engine made by :func:`~ignite_unlearn_torchgan.engine`; run that engine then.

    Args:
        engine: what ``engine(trainer)`` or ``engine(losses, ...)`` returned.
        forget: what to forget.
        substitution: which image a forgotten latent is given.
        fake_label: which score a forgotten image is given.
        gan: the GAN, where the engine trains several generators or discriminators; None: its only two, as
            :func:`~ignite_unlearn_torchgan.gan` calls them.
        options: of :class:`ignite_unlearn.CascadedUnlearning`.

    Returns:
        The phase, attached.

    Raises:
        UnlearningError: if the engine is none of torchgan's, or its two nets cannot be found.
    """
    if not isinstance(engine, TrainOps):
        raise UnlearningError(
            f"unlearn() got a {type(engine).__name__}: expected an engine over torchgan's losses. Make it first, "
            "learning = engine(trainer), and run it in place of the trainer."
        )
    unlearning = CascadedUnlearning(
        gan or gan_of(_only(engine, Generator), _only(engine, Discriminator)),
        forget=forget,
        substitution=substitution,
        fake_label=fake_label,
        **options,
    )
    unlearning.attach(engine)
    return unlearning


def _only(engine: TrainOps, kind: type) -> Any:
    found = [net for net in nets(engine.arguments) if isinstance(net, kind)]
    if len(found) != 1:
        raise UnlearningError(
            f"The engine's arguments hold {len(found)} nets of torchgan.models.{kind.__name__}, and one is expected: "
            "say which are to unlearn, unlearn(..., gan=gan(generator, discriminator))."
        )
    return found[0]
