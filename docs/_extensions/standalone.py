"""Makes a page of the tutorials run where only its notebook was downloaded to."""

from __future__ import annotations

import re
from pathlib import Path

_CELL = "```{code-cell}\n%%writefile NAME\nTEXT```\n\n"


def standalone(page: Path) -> str:
    """Returns a page's text, with a cell before its first that writes the files that it imports from beside it."""
    text = page.read_text(encoding="utf-8")
    beside = {path.stem: path for path in page.parent.glob("*.py")}
    needed = [name for name in beside if re.search(rf"^(from|import) {name}\b", text, re.M)]
    cells = [_CELL.replace("NAME", beside[name].name).replace("TEXT", beside[name].read_text()) for name in needed]
    before, first, after = text.partition("```{code-cell}\n")
    return before + "".join(cells) + first + after
