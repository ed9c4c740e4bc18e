"""Audit: is the GAN closer to a retrained one than to the original?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ignite_unlearn.audits.result import AuditResult
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.borrow import borrow, step_seed
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.metrics.kid import KernelDistance
from ignite_unlearn.metrics.membership import pixel_distances
from ignite_unlearn.metrics.relative_mmd import relative_mmd
from ignite_unlearn.utils.answers import answer, rows_of
from ignite_unlearn.utils.asked import ANYTHING, CALL, COUNT, IMAGES, LABELS, SEED, asks, kind, maybe

_UNIT = "difference of squared MMD"


class DistanceToItems:
    """What samples show of some items: the distance to the nearest of them, a feature that all else leaves alone.

    Args:
        items: forgotten images ``(M, ...)``.
        features: images to rows ``(N, F)`` in which distances are taken; None: pixels.

    Raises:
        UnlearningError: if there are no items.

    Example:
        >>> DistanceToItems(torch.zeros(1, 1, 2, 2))(torch.ones(3, 1, 2, 2)).tolist()
        [[2.0], [2.0], [2.0]]
    """

    @asks(items=IMAGES, features=maybe(CALL))
    def __init__(self, items: Tensor, features: Callable[[Tensor], Tensor] | None = None):
        if not len(items):
            raise UnlearningError("DistanceToItems() of no items: there is nothing that samples could be near to.")
        self._features = features or (lambda images: images)
        self._items = self._of(items)

    def __call__(self, images: Tensor) -> Tensor:
        """Returns distances ``(N, 1)``."""
        return pixel_distances(self._of(images), self._items).amin(1, keepdim=True)

    def _of(self, images: Tensor) -> Tensor:
        return answer("features", rows_of(len(images)), self._features, images)


@asks(
    before=kind("a GAN", GAN),
    reference=kind("a GAN", GAN),
    features=CALL,
    second=maybe(kind("a GAN", GAN)),
    labels=maybe(LABELS),
    samples=COUNT,
    seed=SEED,
)
@dataclass(frozen=True, eq=False, repr=False)
class CloserToRetrained:
    """Whether samples lie closer to those of a retrained GAN than to those of the original: below 0, they do.

    A test of two samples tells even two retrained GANs apart, by their seeds; this asks of three
    (:func:`~ignite_unlearn.metrics.relative_mmd.relative_mmd`; of unlearning: arXiv 2601.19755). A GAN passes that is
    closer to the retrained one, and fails if it is closer to the original, each beyond the interval.

    **What it cannot see.** Over whole images a few items are a small part of what is drawn, and seeds differ by more
    than they do: an unlearned GAN, which was trained with the original's seed, then looks like the original whatever it
    forgot. So ask where the items show, by :class:`DistanceToItems`, or of a class with ``labels``. That it passes says
    which of two it is closer to, not that it is close.

    There is a verdict only where a retrained GAN passes: ``second`` where it is given, of another seed than
    ``reference``, which is the honest floor; else the retrained GAN's own result, which, if that is ``reference``
    itself, has no chance of training in it.

    Args:
        before: the original GAN.
        reference: a GAN that was trained without what is to be forgotten.
        features: images to rows ``(N, F)``, such as ``DistanceToItems(items)``.
        second: another such GAN, of another seed.
        labels: the classes ``(K,)`` that are asked for, in turn; None: drawn.
        samples: how many images of each GAN.
        seed: of the samples.

    Example:
        >>> gans = [GAN(torch.nn.Linear(2, 4), torch.nn.Linear(4, 1), latents=(2,)) for _ in range(2)]
        >>> audit = CloserToRetrained(*gans, DistanceToItems(torch.rand(5, 4)), samples=100)
        >>> audit(gans[0]).value > audit(gans[1]).value
        True
    """

    before: GAN
    reference: GAN
    features: Callable[[Tensor], Any]
    _: KW_ONLY
    second: GAN | None = None
    labels: Tensor | None = None
    samples: int = 2000
    seed: int = 0
    key: ClassVar[str] = "closer_to_retrained"
    title: ClassVar[str] = "closer to the retrained GAN than to the original"

    def __call__(self, gan: GAN, *, retrained: AuditResult | None = None) -> AuditResult:
        """Audits a GAN.

        Raises:
            UnlearningError: if there are fewer than ten samples, or the features do not fit.
        """
        near, far = self._drawn(self.reference, 1), self._drawn(self.before, 2)
        found = relative_mmd(self._drawn(gan, 0), near, far)
        low, high = _interval(found)
        floor: tuple[Any, ...] | None = (
            None if retrained is None or retrained.high is None else (retrained.value, retrained.low, retrained.high)
        )
        details = {}
        if self.second is not None:
            other = relative_mmd(self._drawn(self.second, 0), near, far)
            details = {"floor": other.value, "floor_low": _interval(other)[0], "floor_high": _interval(other)[1]}
            floor = None if floor is None else tuple(details.values())
        passed, words = _judged(low, high, floor)
        measured = f"{_UNIT} {found.value:.3g} [{low:.3g}, {high:.3g}]"
        if floor is not None:
            measured += ", a retrained GAN {:.3g} [{:.3g}, {:.3g}]".format(*floor)
        return AuditResult(self.key, self.title, _UNIT, found.value, low, high, passed, f"{words}: {measured}", details)

    def _drawn(self, gan: GAN, place: int) -> Any:
        n = self.samples
        if self.labels is not None and not len(self.labels):
            raise UnlearningError("CloserToRetrained(labels=...) are none: give some, or leave them out.")
        labels = None if self.labels is None else self.labels[torch.arange(n) % len(self.labels)]
        # Other samples of each, also where two are the same GAN.
        with borrow(gan.generator, seed=step_seed(self.seed, place)), torch.no_grad():
            return answer("features", ANYTHING, self.features, gan.sample(n, None if gan.labels is None else labels))


def _interval(found: KernelDistance) -> tuple[float, float]:
    interval = found.interval()
    assert interval is not None
    return interval


def _judged(low: float, high: float, floor: tuple[Any, ...] | None) -> tuple[bool | None, str]:
    if floor is None:
        return None, "no verdict without a retrained GAN"
    if floor[-1] >= 0:
        return None, "no verdict, since a retrained GAN is not found closer to another one than to the original"
    if high < 0:
        return True, "closer to the retrained GAN than to the original"
    return (
        (False, "closer to the original than to the retrained GAN") if low > 0 else (None, "no verdict, between both")
    )
