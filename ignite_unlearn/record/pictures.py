"""Pictures that show nothing that was forgotten."""

from __future__ import annotations

from torch import Tensor

from ignite_unlearn.audits.nearness import too_near

_BLANK = 1.0  # white


def blanked(samples: Tensor, items: Tensor, unseen: Tensor) -> Tensor:
    """Returns samples of which those that show an item are white.

    Args:
        samples: generated images ``(N, ...)``.
        items: what is to be forgotten, ``(M, ...)``.
        unseen: real images ``(K, ...)`` that the GAN was never trained on: no sample may be nearer to an item than
            these are.
    """
    samples = samples.clone()
    samples[too_near(samples, items.to(samples), unseen.to(samples))] = _BLANK
    return samples
