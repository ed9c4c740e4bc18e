"""What of a discriminator's output is its score: one tensor, the maps of several scales, or one head of several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

SCORE_NAMES = ("adv_output", "adv", "logits", "score", "scores", "validity", "output")


def read_scores(output: Any) -> list[Tensor]:
    """Returns the tensors that hold scores: one, or one for each scale of a multi-scale discriminator.

    A tuple or list stands for several scales if each of its members is a map of scores ``(N, 1, h, w)``, or a list that
    ends in one (pix2pixHD gives the features of a scale, then its scores). Of any other tuple, the first member holds
    the score; of a dict, the one with a known name, or the only tensor.

    Example:
        >>> import torch
        >>> fine, coarse, classes = torch.zeros(5, 1, 4, 4), torch.zeros(5, 1, 2, 2), torch.zeros(5, 10)
        >>> [len(read_scores(output)) for output in ((fine, coarse), (fine, classes), [[classes, fine], [coarse]])]
        [2, 1, 2]
    """
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, Mapping):
        named = [output[name] for name in SCORE_NAMES if isinstance(output.get(name), Tensor)]
        tensors = [value for value in output.values() if isinstance(value, Tensor)]
        return named[:1] or (tensors if len(tensors) == 1 else [])
    if isinstance(output, (tuple, list)) and output:
        scales = [_map_of(member) for member in output]
        maps = [scale for scale in scales if scale is not None]
        return maps if len(maps) == len(output) > 1 else read_scores(output[0])
    return []


def mean_score(scores: list[Tensor]) -> Tensor:
    """Returns the mean score ``(N,)`` of each row: over a map, and then over the scales, which count alike."""
    means = [score.flatten(1).mean(1) if score.dim() > 1 else score for score in scores]
    return means[0] if len(means) == 1 else torch.stack(means).mean(0)


def said_of_heads(output: Any, rows: int, labels: int | None) -> list[str]:
    """Returns sentences on what of a discriminator's output takes part in unlearning; none where all of it is a score.

    Args:
        output: of the discriminator.
        rows: how many images it was given.
        labels: the number of classes, None for an unconditional GAN.

    Example:
        >>> import torch
        >>> print(*said_of_heads((torch.zeros(5), torch.zeros(5, 9)), 5, labels=9))
        The phase unlearns the discriminator's score; its class head, of shape (5, 9), is left to the loop.
        >>> print(*said_of_heads([torch.zeros(5, 1, 4, 4), torch.zeros(5, 1, 2, 2)], 5, labels=None))
        The discriminator returns maps of 2 scales: the phase unlearns the mean of their scores.
    """
    scores = read_scores(output)
    taken = {id(score) for score in scores}
    if len(scores) > 1:
        said = [f"The discriminator returns maps of {len(scores)} scales: the phase unlearns the mean of their scores."]
        rest = []  # the features of the scales
    else:
        said, rest = [], [t for t in _tensors(output) if id(t) not in taken and t.dim() and len(t) == rows]
    heads = [t for t in rest if labels is not None and t.shape[1:] == (labels,)]
    others = [t for t in rest if not any(t is head for head in heads)]
    left = [f"class head, of shape {tuple(t.shape)}" for t in heads]
    left += [f"other output, of shape {tuple(t.shape)}" for t in others]
    if left:
        listed = " and its ".join(left)
        said.append(
            f"The phase unlearns the discriminator's score; its {listed}, "
            f"{'is' if len(left) == 1 else 'are'} left to the loop."
        )
    return said


def _map_of(member: Any) -> Tensor | None:
    """Returns a scale's map of scores."""
    while isinstance(member, (tuple, list)) and member:
        member = member[-1]
    return member if isinstance(member, Tensor) and member.dim() > 2 and member.shape[1] == 1 else None


def _tensors(output: Any) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, (Mapping, tuple, list)):
        for member in output.values() if isinstance(output, Mapping) else output:
            yield from _tensors(member)
