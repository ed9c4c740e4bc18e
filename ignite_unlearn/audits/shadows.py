"""Shadow GANs: which target was trained on, left out or unlearned in which of them, and what each says of a target."""

from __future__ import annotations

from enum import IntEnum

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.metrics.membership import places
from ignite_unlearn.utils.asked import ROWS, SEED, VALUES, asks, whole

_MANY = whole(at_most=10**5)


class TargetStatus(IntEnum):
    """What a shadow GAN had to do with a target image."""

    IN = 0  #: trained on, and kept
    OUT = 1  #: never trained on
    UNLEARNED = 2  #: trained on, then forgotten


@asks(shadows=_MANY, targets=_MANY, seed=SEED)
def draw_status(shadows: int, targets: int, *, seed: int = 0) -> Tensor:
    """Returns the :class:`TargetStatus` of each target in each shadow GAN, at random, int64 ``(shadows, targets)``.

    A third of the targets has each status in every shadow, and each target has each status once in every three shadows
    from the first on (the thirds of Zhu et al. 2025, RULI, balanced). More shadows change nothing of the first ones.

    Args:
        shadows: how many GANs.
        targets: how many images are attacked.
        seed: of the draw.

    Raises:
        UnlearningError: if there is no shadow, or fewer than three targets.

    Example:
        >>> draw_status(3, 6).sort(0).values[:, 0].tolist()
        [0, 1, 2]
    """
    if shadows < 1 or targets < 3:
        raise UnlearningError(
            f"draw_status({shadows}, {targets}): expected at least one shadow and three targets, one for each status."
        )
    random = torch.Generator().manual_seed(seed)
    blocks = []
    for _ in range(-(-shadows // 3)):
        first = torch.empty(targets, dtype=torch.int64)
        first[torch.randperm(targets, generator=random)] = torch.arange(targets) % 3
        blocks += [(first + turn) % 3 for turn in range(3)]
    return torch.stack(blocks[:shadows])


@asks(status=ROWS, seed=SEED)
def two_halves(status: Tensor, *, seed: int = 0) -> Tensor:
    """Returns a status for the floor of an attack: of each target's OUT shadows half is called UNLEARNED, at random.

    All other places are called IN, so that an attack on UNLEARNED against OUT compares OUT with itself: what it finds
    is noise.

    Args:
        status: :class:`TargetStatus` of each target in each shadow, int64 ``(N, T)``.
        seed: of the draw.

    Example:
        >>> status = torch.tensor([[1], [1], [2], [1], [1], [0]])
        >>> sorted(two_halves(status).flatten().tolist())
        [0, 0, 1, 1, 2, 2]
    """
    random = torch.Generator().manual_seed(seed)
    drawn = torch.rand(status.shape, generator=random).masked_fill(status != TargetStatus.OUT, torch.inf)
    place = drawn.argsort(0).argsort(0)
    out = status == TargetStatus.OUT
    halves = torch.full_like(status, TargetStatus.IN)
    halves[out] = TargetStatus.OUT
    halves[out & (place < out.sum(0) // 2)] = TargetStatus.UNLEARNED
    return halves


@asks(scores=VALUES, unseen=VALUES)
def quantile_logits(scores: Tensor, unseen: Tensor) -> Tensor:
    """Returns where scores lie among those of fixed unseen images, as logits.

    Scores of two GANs cannot be compared: their level and their spread wander with the seed. Their places among the
    scores of the same unseen images can, and a place's logit is nearer to a normal distribution than the place.

    Args:
        scores: of the targets ``(T,)``.
        unseen: of the unseen images ``(M,)``, by the same GAN.

    Returns:
        Float64 ``(T,)``, within plus and minus ``log(2 M + 1)``.

    Raises:
        UnlearningError: if there are no scores of a kind, or they are not one an image, or hold NaN.

    Example:
        >>> quantile_logits(torch.tensor([0.5, 9.0]), torch.tensor([0.0, 1.0])).exp().round().tolist()
        [1.0, 5.0]
    """
    n = len(unseen)
    return torch.logit((places(scores, unseen) * n + 0.5) / (n + 1))
