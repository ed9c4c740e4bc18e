"""Text for a terminal, in lines that are not too long."""

from __future__ import annotations

import textwrap

WIDTH = 80  # columns of a terminal that does not say how many it has


def hanging(lead: str, text: str, width: int = WIDTH) -> str:
    """Returns text after a lead, wrapped, with further lines indented by as much; a word, such as a path, stays whole.

    Args:
        lead: what stands before the text in its first line.
        text: the text.
        width: columns.

    Example:
        >>> print(hanging("  - ", "one two three", 12))
          - one two
            three
    """
    indent = " " * len(lead)
    lines = textwrap.wrap(
        text, width, initial_indent=lead, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines) or lead.rstrip()
