"""A start in closed form: what of the substitution can be had without a single gradient step."""

from __future__ import annotations

from typing import Any, Protocol

from ignite_unlearn.cascade.substitutions.substitution import Substitution
from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.gan import GAN


class Start(Protocol):
    """What is done to the GAN once, before the first unlearning step."""

    def __call__(self, gan: GAN, teacher: GAN, regions: LatentRegions, substitution: Substitution) -> None:
        """Changes weights of ``gan``, the same on every process.

        Args:
            gan: the GAN as it is when the phase begins.
            teacher: the frozen original GAN.
            regions: where forgotten and retained images are made.
            substitution: which image a forgotten latent is given.
        """


def joined(substitution: Substitution | None, start: Any) -> tuple[Substitution | None, Start | None]:
    """Returns both; of a substitution that is a start too, such as :class:`.UntrainedLabel`, either is enough.

    Example:
        >>> class Both:
        ...     def start(self, gan, teacher, regions, substitution): ...
        >>> both = Both()
        >>> joined(None, both) == joined(None, both.start) == joined(both, both) == (both, both.start)
        True
    """
    owner = getattr(start, "__self__", start)
    if not callable(getattr(owner, "start", None)):
        return substitution, start
    return owner if substitution is None else substitution, owner.start
