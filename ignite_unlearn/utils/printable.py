"""Text that anybody may have written, made safe for a terminal and short enough for a sentence."""

from __future__ import annotations


def printable(text: str, *, at_most: int | None = None) -> str:
    r"""Returns text as one line in which no sign acts: what a terminal would obey is spelled out.

    These are signs that move the cursor, change colours, begin a line or turn the direction of writing, and halves of
    signs that cannot be encoded, as in names of files that are not UTF-8.

    Args:
        text: the text.
        at_most: signs of it that are kept; None: all.

    Example:
        >>> printable("a\x1b[31mb\n\u202ec\udcff"), printable("a long text", at_most=6)
        ('a\\x1b[31mb\\n\\u202ec\\udcff', 'a long...')
    """
    if at_most is not None and len(text) > at_most:
        text = f"{text[:at_most]}..."
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text)


def encodable(text: str) -> str:
    r"""Returns text that every file can hold: halves of signs, which have no UTF-8, are spelled out.

    Example:
        >>> encodable("a\n\ud800")
        'a\n\\ud800'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
