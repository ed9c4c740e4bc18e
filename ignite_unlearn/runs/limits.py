"""What a record of a stock recipe does not show, besides what no record does."""

from __future__ import annotations

from ignite_unlearn.record.limits import limits as record_limits

_RECIPES = (
    "The feature extractor was trained by the recipe on the same real data: its FID compares only with itself.",
    "original.pt, judges.pt and the checkpoints beside them were trained on the forget set, and samples.png is drawn "
    "by the original GAN: delete them, or keep them from those who get the record.",
)


def limits(kind: str, accuracy: float, *, audited: bool) -> list[str]:
    """Returns sentences.

    Args:
        kind: of the request, ``"classes"`` or ``"items"``.
        accuracy: of the classifier that counts classes, on unseen real images.
        audited: whether audits were made.
    """
    found = [*record_limits(kind, audited=audited), *_RECIPES]
    if kind == "classes":
        found.append(f"The classifier that counts classes is right on {accuracy:.1%} of unseen real images.")
    return found
