"""What a record of a recipe's run does not show, besides what no record does."""

from __future__ import annotations

from collections.abc import Sequence

from ignite_unlearn.record.limits import limits as record_limits

_RECIPES = (
    "The feature extractor was trained by the recipe on the same real data: its FID compares only with itself.",
    "original.pt, judges.pt and the checkpoints beside them were trained on the forget set, and samples.png is drawn "
    "by the original GAN: delete them, or keep them from those who get the record. So keep stages.json, which holds a "
    "hash of all data.",
)


def limits(kind: str, of_task: Sequence[str], *, audited: bool) -> list[str]:
    """Returns sentences.

    Args:
        kind: of the request, ``"classes"`` or ``"items"``.
        of_task: what the numbers of the task do not show.
        audited: whether audits were made.
    """
    return [*record_limits(kind, audited=audited), *_RECIPES, *of_task]
