"""Makes a notebook of each executed page, and links to it from the page's end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jupytext
from sphinx.application import Sphinx
from standalone import standalone


def setup(app: Sphinx) -> dict[str, Any]:
    """Registers the extension."""
    app.connect("source-read", _link)
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True}


def _link(app: Sphinx, name: str, source: list[str]) -> None:
    if name.startswith("tutorials/") and "{code-cell}" in source[0]:
        notebook = f"{Path(name).name}.ipynb"
        source[0] += f"\n\n<p><a href='{notebook}' download>Download this page as a notebook</a></p>\n"


def _write(app: Sphinx, error: Exception | None) -> None:
    if error is not None or app.builder.name not in ("html", "dirhtml"):
        return
    for page in sorted(Path(app.srcdir, "tutorials").glob("0*.md")):
        target = Path(app.outdir, "tutorials", page.with_suffix(".ipynb").name)
        target.parent.mkdir(exist_ok=True, parents=True)
        jupytext.write(jupytext.reads(standalone(page), fmt="md:myst"), target)
