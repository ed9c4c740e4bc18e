"""What a record of a stock recipe does not show, in plain words."""

from __future__ import annotations

_ALWAYS = (
    "No formal guarantee: the numbers are measurements, on one seed, of what was looked for.",
    "The feature extractor was trained by the recipe on the same real data: its FID compares only with itself.",
    "original.pt still holds what was forgotten, and so do copies and backups elsewhere: delete them.",
)
_UNAUDITED = {
    "classes": (
        "Whether the discriminator remembers single images was not audited.",
        "Whether the class comes back quickly under further training, or can be found by a search, was not audited.",
    ),
    "items": (
        "Layers below the one that was moved, and other attacks than those in the table, were not audited.",
        "Whether the items come back quickly when they are trained on again was not audited.",
    ),
}
_AUDITED = (
    "An audit that found nothing shows that this audit, with its budget, found nothing; others may.",
    "Attackers with more samples, more queries or another search were not tried.",
)


def limits(kind: str, accuracy: float, *, audited: bool) -> list[str]:
    """Returns sentences.

    Args:
        kind: of the request, ``"classes"`` or ``"items"``.
        accuracy: of the classifier that counts classes, on unseen real images.
        audited: whether audits were made.
    """
    found = [*_ALWAYS, *(_AUDITED if audited else _UNAUDITED[kind])]
    if kind == "classes":
        found.append(f"The classifier that counts classes is right on {accuracy:.1%} of unseen real images.")
    return found
