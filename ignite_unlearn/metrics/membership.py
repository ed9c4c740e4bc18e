"""Membership attacks as Ignite metrics: can one tell forgotten images from unseen ones?

An AUC of 0.5 after unlearning proves nothing by itself: it stands beside the original's and a retrained GAN's, and one
*below* the retrained GAN's is a leak too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from ignite.exceptions import NotComputableError
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.metrics.base import Collected, as_it_is
from ignite_unlearn.utils.answers import answer
from ignite_unlearn.utils.asked import ANYTHING, CALL, COUNT, IMAGES, SEED, alike, asks, kind, maybe, number

Attack: TypeAlias = Callable[[Tensor, "Tensor | None"], Tensor]
_AT_ONCE = 512


class DiscriminatorScore:
    """The discriminator's score, in eval mode: the white-box attack of LOGAN (Hayes et al. 2019).

    Args:
        gan: the GAN under attack.

    Example:
        >>> import torch
        >>> gan = GAN(torch.nn.Linear(2, 4), torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 1)))
        >>> DiscriminatorScore(gan)(torch.zeros(3, 1, 2, 2)).shape
        torch.Size([3])
    """

    @asks(gan=kind("a GAN", GAN))
    def __init__(self, gan: GAN):
        self.gan = gan

    def __call__(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Returns scores ``(N,)``: higher is more like a training image."""
        labels = None if labels is None else labels.to(self.gan.device)
        parts = range(0, len(images), _AT_ONCE)
        with borrow(self.gan.discriminator), torch.no_grad():
            return torch.cat([
                self.gan.score(images[i : i + _AT_ONCE], None if labels is None else labels[i : i + _AT_ONCE])
                for i in parts
            ])  # fmt: skip


class NearestSample:
    """Minus the distance to the nearest generated image: the full black-box attack of GAN-Leaks (Chen et al. 2020).

    Args:
        samples: images of the GAN under attack, ``(M, ...)``.
        calibration: images of a GAN that never saw the images in question, or real images that it is independent of:
            their nearest distance is subtracted (the paper's calibration), since some images are near to anything.

    Example:
        >>> import torch
        >>> NearestSample(torch.zeros(4, 1, 2, 2))(torch.ones(1, 1, 2, 2)).tolist()
        [-2.0]
    """

    @asks(samples=IMAGES, calibration=maybe(IMAGES))
    def __init__(self, samples: Tensor, *, calibration: Tensor | None = None):
        alike(samples, samples if calibration is None else calibration)
        self.samples = samples
        self.calibration = calibration

    def __call__(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Returns scores ``(N,)``: higher is more like a training image."""
        score = -pixel_distances(images, self.samples).amin(1)
        return score if self.calibration is None else score + pixel_distances(images, self.calibration).amin(1)


class MonteCarlo:
    """The share of generated images that lie near: the Monte-Carlo attack of Hilprecht et al. (2019).

    Args:
        samples: images of the GAN under attack, ``(M, ...)``.
        calibration: as for :class:`NearestSample`; its share is subtracted.
        radius: how near is near. None: the median over the images of the distance to their nearest sample, as in the
            paper.

    Example:
        >>> import torch
        >>> MonteCarlo(torch.eye(4).view(4, 1, 2, 2), radius=1.0)(torch.zeros(1, 1, 2, 2)).tolist()
        [1.0]
    """

    @asks(samples=IMAGES, calibration=maybe(IMAGES), radius=maybe(number()))
    def __init__(self, samples: Tensor, *, calibration: Tensor | None = None, radius: float | None = None):
        alike(samples, samples if calibration is None else calibration)
        self.samples = samples
        self.calibration = calibration
        self.radius = radius

    def __call__(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Returns scores ``(N,)``: higher is more like a training image."""
        near = pixel_distances(images, self.samples)
        radius = near.amin(1).median() if self.radius is None else self.radius
        share = (near <= radius).double().mean(1)
        if self.calibration is None:
            return share
        return share - (pixel_distances(images, self.calibration) <= radius).double().mean(1)


class MembershipAUC(Collected):
    """ROC AUC of a membership attack: the chance that it ranks a member above an unseen image, ties counting half.

    Updates hold ``(images, labels or None, is_member)``, the last a mask ``(N,)`` or ``(N, 1)`` of bools, or of zeros
    and ones. The attack sees all images at once, when the metric is computed.

    Args:
        attack: ``(images, labels) -> scores``, ``(N,)`` or ``(N, 1)``, higher for members.
        output_transform: from the engine's output to what :meth:`update` takes.

    Example:
        >>> import torch
        >>> auc = MembershipAUC(lambda images, labels: images.flatten())
        >>> auc.update((torch.tensor([3.0, 2.0, 1.0, 0.0]), None, torch.tensor([True, False, True, False])))
        >>> auc.compute()
        0.75
    """

    @asks(attack=CALL, output_transform=CALL)
    def __init__(self, attack: Attack, *, output_transform: Callable[..., Any] = as_it_is):
        self.attack = attack
        super().__init__(output_transform)

    def update(self, output: tuple[Tensor, Tensor | None, Tensor]) -> None:
        """Adds ``(images (N, ...), labels (N,) or None, is_member (N,))``.

        Raises:
            UnlearningError: if the mask is none, or labels or mask are not one an image.
        """
        images, labels, is_member = output
        mask = _mask(is_member)
        for name, rows in (("labels", labels), ("is_member entries", mask)):
            if rows is not None and len(rows) != len(images):
                raise UnlearningError(
                    f"MembershipAUC got {len(images)} images but {len(rows)} {name}: give one an image."
                )
        self.add("images", images)
        self.add("is_member", mask)
        if labels is not None:
            self.add("labels", labels)

    def scores(self) -> tuple[Tensor, Tensor]:
        """Returns the attack's scores of members and of unseen images.

        Raises:
            NotComputableError: if one of the two kinds is missing.
            UnlearningError: if the scores are not one an image, or hold NaN.
        """
        images, labels, mask = (self.rows(name) for name in ("images", "labels", "is_member"))
        if images is None or mask is None or not mask.any() or mask.all():
            raise NotComputableError("MembershipAUC needs members and unseen images before compute().")
        if labels is not None and len(labels) != len(images):
            raise UnlearningError(
                f"MembershipAUC got labels for {len(labels)} of {len(images)} images: for all, or none."
            )
        scores = _scores(answer("the attack", ANYTHING, self.attack, images, labels))
        if len(scores) != len(images):
            raise UnlearningError(
                f"The attack gave {len(scores)} scores for {len(images)} images: expected one an image."
            )
        return scores[mask], scores[~mask]

    def compute(self) -> float:
        """Returns the AUC."""
        return auc(*self.scores())

    def interval(self, *, level: float = 0.95, draws: int = 1000, seed: int = 0) -> tuple[float, float]:
        """Returns a bootstrap interval of the AUC: members and unseen images are drawn anew, each kind by itself."""
        return bootstrap(*self.scores(), level=level, draws=draws, seed=seed)


def auc(members: Tensor, unseen: Tensor) -> float:
    """Returns the chance that a member's score ``(N,)`` is above an unseen image's ``(M,)``; ties count half.

    Raises:
        UnlearningError: if there are no scores of a kind, or they are not one an image, or hold NaN.
    """
    return float(places(members, unseen).mean())


def places(members: Tensor, unseen: Tensor) -> Tensor:
    """Returns each member's quantile among the unseen scores: float64 ``(N,)``, in [0, 1]; ties count half.

    Raises:
        UnlearningError: if there are no scores of a kind, or they are not one an image, or hold NaN.

    Example:
        >>> import torch
        >>> places(torch.tensor([0.5, 9.0]), torch.tensor([0.0, 1.0])).tolist()
        [0.5, 1.0]
    """
    found, values = _scores(members), _scores(unseen).sort().values
    left = torch.searchsorted(values, found, right=False)
    right = torch.searchsorted(values, found, right=True)
    return (left + right).double() / (2 * len(values))


@asks(level=number(), draws=COUNT, seed=SEED)
def bootstrap(
    members: Tensor, unseen: Tensor, *, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Returns a percentile bootstrap interval (Efron 1979) of :func:`auc`.

    Raises:
        UnlearningError: if ``level`` is not between 0 and 1, or the scores do not fit :func:`auc`.
    """
    if not 0 < level < 1:
        raise UnlearningError(f"level={level} must lie between 0 and 1, such as 0.95.")
    random = np.random.default_rng(seed)
    scores, values = _scores(members).numpy(), np.sort(_scores(unseen).numpy())
    drawn = []
    for _ in range(draws):
        some = scores[random.integers(len(members), size=len(members))]
        # Counting how often each unseen score is drawn gives the same as sorting every drawn set, without the sorting.
        below = np.concatenate([[0], np.cumsum(random.multinomial(len(values), np.full(len(values), 1 / len(values))))])
        left, right = np.searchsorted(values, some, "left"), np.searchsorted(values, some, "right")
        drawn.append((below[left] + below[right]).mean() / (2 * len(values)))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@asks(images=IMAGES, others=IMAGES)
def pixel_distances(images: Tensor, others: Tensor) -> Tensor:
    """Returns the Euclidean distances (pixels) between two sets of images, ``(N, M)``.

    Raises:
        UnlearningError: if their shapes differ.
    """
    if images.shape[1:] != others.shape[1:]:
        shapes = f"{tuple(images.shape[1:])} and {tuple(others.shape[1:])}"
        raise UnlearningError(f"Images of shapes {shapes} cannot be compared: expected images of one shape.")
    b = others.flatten(1).float()
    return torch.cat([torch.cdist(part.flatten(1).float().to(b.device), b) for part in images.split(_AT_ONCE)])


def _scores(scores: Any) -> Tensor:
    """Returns an attack's scores as float64 ``(N,)``."""
    try:
        found = torch.as_tensor(scores).detach().cpu()
    except (TypeError, ValueError, RuntimeError, NotImplementedError):
        raise UnlearningError(
            f"Scores are a {type(scores).__name__}: expected a tensor of one number an image."
        ) from None
    if found.dim() > 1 and set(found.shape[1:]) == {1}:
        found = found.flatten()
    if found.dim() != 1 or not len(found):
        raise UnlearningError(f"Scores of shape {tuple(found.shape)}: expected one number an image, (N,) or (N, 1).")
    if bool(found.isnan().any()):
        raise UnlearningError(
            f"{int(found.isnan().sum())} of {len(found)} scores are NaN: images cannot be ranked by them."
        )
    return found.double()


def _mask(is_member: Any) -> Tensor:
    """Returns a bool mask ``(N,)``."""
    found = torch.as_tensor(is_member)
    if found.dim() > 1 and set(found.shape[1:]) == {1}:
        found = found.flatten()
    if found.dim() != 1 or not bool(((found == 0) | (found == 1)).all()):
        raise UnlearningError(
            f"is_member of shape {tuple(found.shape)} and {found.dtype}: expected a mask (N,) of bools or of 0 and 1."
        )
    return found.bool()
