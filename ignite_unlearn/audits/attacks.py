"""Membership attacks as an audit names them: each is set up for the GAN that is audited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.metrics.membership import Attack, DiscriminatorScore, MonteCarlo, NearestSample
from ignite_unlearn.utils.answers import answer, rows_of
from ignite_unlearn.utils.asked import CALL, CLASSES, COUNT, IMAGES, alike, asks, maybe, number, one_each


class MembershipAttack(Protocol):
    """Sets up an attack on a GAN."""

    @property
    def key(self) -> str:
        """What programs know it by, such as ``"monte_carlo"``."""

    @property
    def title(self) -> str:
        """What people read, such as ``"monte carlo"``."""

    def __call__(self, gan: GAN) -> Attack:
        """Returns ``(images, labels) -> scores``, higher for members; random numbers are the audit's."""


@dataclass(frozen=True, eq=False)
class ByDiscriminatorScore:
    """LOGAN's white-box attack (Hayes et al. 2019): :class:`~ignite_unlearn.metrics.membership.DiscriminatorScore`.

    Example:
        >>> gan = GAN(torch.nn.Linear(2, 4), torch.nn.Linear(4, 1), latents=(2,))
        >>> ByDiscriminatorScore()(gan)(torch.zeros(3, 4)).shape
        torch.Size([3])
    """

    key: ClassVar[str] = "discriminator_score"
    title: ClassVar[str] = "discriminator's score"

    def __call__(self, gan: GAN) -> Attack:
        """Returns the attack on a GAN."""
        return DiscriminatorScore(gan)


@asks(others=CLASSES)
@dataclass(frozen=True, eq=False)
class ByOtherLabels:
    """The discriminator's mean score of an image under labels that are not its own.

    A score under the image's own label is the work of all layers and of what the discriminator holds for that label.
    Where nobody trained the latter, after retraining or :class:`.UntrainedLabel`, it points anywhere, and members may
    score higher or lower than unseen images by that alone: two draws for the same layers can be told from each other.
    Other labels tell what the layers themselves remember.

    Args:
        others: the labels that are asked, such as the retained classes.

    Raises:
        UnlearningError: if there is none; when called, if the GAN takes no labels, or not all of these.

    Example:
        >>> gan = GAN(
        ...     torch.nn.Linear(2, 4), torch.nn.Linear(4, 3), latents=(2,), labels=3,
        ...     generate=lambda net, z, y: net(z), discriminate=lambda net, x, y: net(x).gather(1, y[:, None]),
        ... )
        >>> ByOtherLabels((0, 2))(gan)(torch.zeros(5, 4)).shape
        torch.Size([5])
    """

    others: Sequence[int]
    key: ClassVar[str] = "other_labels"
    title: ClassVar[str] = "discriminator's score under the other labels"

    def __post_init__(self) -> None:
        if not len(self.others):
            raise UnlearningError("ByOtherLabels(others=()) asks under no label: give those that are retained.")

    def __call__(self, gan: GAN) -> Attack:
        """Returns the attack on a GAN."""
        if gan.labels is None or not all(0 <= label < gan.labels for label in self.others):
            has = "no labels" if gan.labels is None else f"labels from 0 to {gan.labels - 1}"
            raise UnlearningError(f"ByOtherLabels asks under the labels {tuple(self.others)}, but the GAN has {has}.")
        score = DiscriminatorScore(gan)

        def mean(images: Tensor, labels: Tensor | None = None) -> Tensor:
            return torch.stack([score(images, torch.full((len(images),), label)) for label in self.others]).mean(0)

        return mean


@asks(samples=COUNT, calibration=maybe(IMAGES))
@dataclass(frozen=True, eq=False)
class ByNearestSample:
    """GAN-Leaks' attack (Chen et al. 2020): :class:`~ignite_unlearn.metrics.membership.NearestSample`.

    Args:
        samples: how many images of the GAN are drawn.
        calibration: images ``(K, ...)`` that the GAN never saw, whose nearest distance is subtracted; None: none is.

    Example:
        >>> gan = GAN(torch.nn.Linear(2, 4), torch.nn.Linear(4, 1), latents=(2,))
        >>> ByNearestSample(samples=10)(gan)(torch.zeros(3, 4)).shape
        torch.Size([3])
    """

    samples: int = 2000
    calibration: Tensor | None = None
    key: ClassVar[str] = "nearest_sample"
    title: ClassVar[str] = "nearest sample"

    def __call__(self, gan: GAN) -> Attack:
        """Returns the attack on a GAN."""
        return NearestSample(gan.sample(self.samples), calibration=self.calibration)


@asks(samples=COUNT, calibration=maybe(IMAGES), radius=maybe(number()))
@dataclass(frozen=True, eq=False)
class ByMonteCarlo:
    """The attack of Hilprecht et al. (2019): :class:`~ignite_unlearn.metrics.membership.MonteCarlo`.

    Args:
        samples: how many images of the GAN are drawn.
        calibration: images ``(K, ...)`` that the GAN never saw, whose share is subtracted; None: none is.
        radius: how near is near; None: the median distance to the nearest sample.

    Example:
        >>> gan = GAN(torch.nn.Linear(2, 4), torch.nn.Linear(4, 1), latents=(2,))
        >>> ByMonteCarlo(samples=10)(gan)(torch.zeros(3, 4)).shape
        torch.Size([3])
    """

    samples: int = 2000
    calibration: Tensor | None = None
    radius: float | None = None
    key: ClassVar[str] = "monte_carlo"
    title: ClassVar[str] = "monte carlo"

    def __call__(self, gan: GAN) -> Attack:
        """Returns the attack on a GAN."""
        return MonteCarlo(gan.sample(self.samples), calibration=self.calibration, radius=self.radius)


def attack_scores(
    gan: GAN,
    attack: MembershipAttack,
    items: Tensor,
    unseen: Tensor,
    labels: Tensor | None,
    unseen_labels: Tensor | None,
    *,
    seed: int,
) -> tuple[Tensor, Tensor]:
    """Returns an attack's scores of forgotten images ``(N,)`` and of unseen ones ``(M,)``, float64 on the CPU.

    Args:
        gan: the GAN under attack; its nets and the random streams are left as they were.
        attack: what scores.
        items: forgotten images ``(N, ...)``.
        unseen: images ``(M, ...)`` that were never trained on.
        labels: classes of the items, or None.
        unseen_labels: classes of the unseen images, or None.
        seed: of what the attack draws.

    Raises:
        UnlearningError: if there are no images of one kind, or labels are not one an image.
    """
    if not len(items) or not len(unseen):
        raise UnlearningError(
            f"There are {len(items)} forgotten and {len(unseen)} unseen images: a membership audit needs both."
        )
    for images, given in ((items, labels), (unseen, unseen_labels)):
        one_each(images, given)
    alike(items, unseen)
    both = None if labels is None or unseen_labels is None else torch.cat([labels, unseen_labels])
    with borrow(gan.generator, gan.discriminator, seed=seed), torch.no_grad():
        images = torch.cat([items, unseen]).to(gan.device)
        scoring = answer("the attack", CALL, attack, gan)
        scores = answer("the attack's function", rows_of(len(images)), scoring, images, both).cpu().double()
    return scores[: len(items)], scores[len(items) :]
