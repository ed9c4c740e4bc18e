"""How much an audit of a recipe's run may cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AuditBudget:
    """What an audit of a run may spend.

    Attributes:
        restarts: searches that try to recover a class.
        give_up: iterations of relearning after which a GAN is said not to relearn.
        compared: unseen images in attacks that invert and in the levels of relearning, forgotten ones among files.
        shown: images of a GAN without labels that tell how many show a forgotten class.
    """

    restarts: int = 128
    give_up: int = 600
    compared: int = 500
    shown: int = 1000
