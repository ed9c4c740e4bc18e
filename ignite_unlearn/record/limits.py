"""What an erasure record does not show, in plain words: the same for the launcher and for a script."""

from __future__ import annotations

ALWAYS = (
    "No formal guarantee: the numbers are measurements, on one seed, of what was looked for.",
    "The original GAN still holds what was forgotten, and so do its checkpoints, copies and backups: delete them.",
)
HASHED = (
    "A keyed hash of forgotten images names them to whoever holds forget.key: keep that file apart from the record."
)
CLASSES = (
    "The discriminator of a class phase may still know its members: unless an audit of it passed, whoever has it may "
    "tell training images of the class from unseen ones. Release the generator alone.",
)
ITEMS = (
    "Among many images a single one that the generator reproduces is found only beside ten times as many unseen images "
    "as the request names; with fewer it may be left, and the numbers of the whole request need not show it.",
)
_UNAUDITED = {
    "classes": (
        "Whether the class comes back quickly under further training, or can be found by a search, was not audited.",
    ),
    "items": (
        "Layers below the one that was moved, and other attacks than those in the table, were not audited.",
        "Whether the items come back quickly when they are trained on again was not audited.",
    ),
}
_UNAUDITED_ELSE = ("Whether what was forgotten comes back quickly under further training was not audited.",)
_AUDITED = (
    "An audit that found nothing shows that this audit, with its budget, found nothing; others may.",
    "Attackers with more samples, more queries or another search were not tried.",
)


def limits(kind: str, *, audited: bool, hashed: bool = True) -> list[str]:
    """Returns sentences.

    Args:
        kind: of the request: ``"classes"``, ``"items"`` or a word of its own.
        audited: whether audits were made.
        hashed: whether the record holds a keyed hash of the images.
    """
    return [
        *ALWAYS,
        *([HASHED] if hashed else ()),
        *(CLASSES if kind == "classes" else ITEMS if kind == "items" else ()),
        *(_AUDITED if audited else _UNAUDITED.get(kind, _UNAUDITED_ELSE)),
    ]
