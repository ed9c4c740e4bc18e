"""What an audit is: an object that tries to disprove, on one GAN, that it has forgotten."""

from __future__ import annotations

from typing import Protocol

from ignite_unlearn.audits.result import AuditResult
from ignite_unlearn.gan.gan import GAN


class Audit(Protocol):
    """An attempt to disprove that a GAN has forgotten.

    It is constructed with all that it needs: images, classifiers, budgets, a seed. It changes no net and no random
    stream, and gives the same result each time. What it cannot do, such as for want of images, it says by an
    :class:`~ignite_unlearn.UnlearningError` when it is called.
    """

    @property
    def key(self) -> str:
        """What programs know it by, such as ``"relearning"``; it never changes."""

    @property
    def title(self) -> str:
        """What people read, such as ``"recovery by search"``."""

    def __call__(self, gan: GAN, *, retrained: AuditResult | None = None) -> AuditResult:
        """Audits a GAN.

        Args:
            gan: the GAN under attack.
            retrained: what the same audit found of the retrained GAN; None: the result has no verdict.
        """
