"""The unlearning phase on an engine of training phases, and the moving average that is released."""

from __future__ import annotations

from typing import Any

from ignite.engine import Engine, Events
from torch import nn

from ignite_unlearn import GAN, CascadedUnlearning, UnlearningError
from ignite_unlearn.cascade import FakeLabel, Substitution
from ignite_unlearn.forget import Forget
from ignite_unlearn_stylegan.learning import PhasesEngine, follow
from ignite_unlearn_stylegan.nets import gan as gan_of


def unlearn(
    engine: Engine,
    *,
    forget: Forget,
    substitution: Substitution,
    fake_label: FakeLabel,
    gan: GAN | None = None,
    **options: Any,
) -> CascadedUnlearning:
    """Attaches an unlearning phase to an engine made by :func:`~ignite_unlearn_stylegan.engine`.

    The generator that unlearns is the one that is trained, G. Its average, G_ema, which is what people release, would
    follow it only with its half-life, and at the phase's end still make what G has forgotten. So after each unlearning
    step G_ema is a copy of G, and averages from there on. It can be released after the phase, and is what to measure,
    ``ErasureRecord(..., released=gan(G_ema, D))``. Before this call let G begin where the released generator is,
    ``G.load_state_dict(G_ema.state_dict())``: the teacher, whose images G is held at, is then G_ema as it was.

    Args:
        engine: what ``engine(loss, phases, ...)`` returned.
        forget: what to forget. Images of a request for items are given in [-1, 1].
        substitution: which image a forgotten latent is given.
        fake_label: which score a forgotten image is given.
        gan: the engine's two nets, called in another way; None: as :func:`~ignite_unlearn_stylegan.gan` calls them.
        options: of :class:`ignite_unlearn.CascadedUnlearning`.

    Returns:
        The phase, attached.

    Raises:
        UnlearningError: if the engine is another one, or the GAN's nets are not those that it trains.
    """
    if not isinstance(engine, PhasesEngine):
        raise UnlearningError(
            f"unlearn() got a {type(engine).__name__}: expected what engine(loss, phases) of this plug-in returns."
        )
    gan = gan or gan_of(engine.generator, engine.discriminator)
    if gan.generator is not engine.generator or gan.discriminator is not engine.discriminator:
        raise UnlearningError(
            "unlearn(gan=...) must hold the nets that the engine trains, G and D of its phases; G_ema only follows."
        )
    unlearning = CascadedUnlearning(gan, forget=forget, substitution=substitution, fake_label=fake_label, **options)
    if engine.ema is None:
        unlearning.attach(engine)
        return unlearning
    restarts = _Restarts(unlearning, engine.ema)
    # Handlers of one event are called in the order they were added in: one before the phase's, one after.
    engine.add_event_handler(Events.ITERATION_STARTED, restarts.before)
    unlearning.attach(engine)
    engine.add_event_handler(Events.ITERATION_STARTED, restarts.after)
    return unlearning


class _Restarts:
    """Makes the average a copy of the generator whenever an unlearning step was taken."""

    def __init__(self, unlearning: CascadedUnlearning, ema: nn.Module):
        self._unlearning = unlearning
        self._ema = ema
        self._taken = 0

    def before(self) -> None:
        self._taken = self._unlearning.iterations

    def after(self) -> None:
        if self._unlearning.iterations > self._taken:
            # Moving the average by what the step moved G was tried, and tears it within twenty steps: G is also pulled
            # back from learning steps that the average never made.
            follow(self._ema, self._unlearning.gan.generator, kept=0.0)
