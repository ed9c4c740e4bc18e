"""The scripts of docs/examples run, without a warning, and print what their pages say."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLES = sorted(path for path in (DOCS / "examples").glob("*.py") if path.stem != "tiny")
SPAWNS = {"several_processes"}  # it starts processes, which import it by its name


def page_of(path):
    pages = [page for page in (DOCS / "howto").glob("*.md") if f"../examples/{path.name}\n" in page.read_text()]
    assert len(pages) == 1, f"{path.name} is on {len(pages)} pages"
    return pages[0].read_text()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_prints_what_its_page_says(path, tmp_path, monkeypatch, capfd):
    if path.stem in SPAWNS:
        env = {**os.environ, "PYTHONPATH": str(DOCS.parent)}
        subprocess.run([sys.executable, str(path)], cwd=tmp_path, check=True, timeout=300, env=env)
    else:
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(str(path.parent))
        monkeypatch.delitem(sys.modules, "tiny", raising=False)
        runpy.run_path(str(path), run_name="__main__")
        monkeypatch.delitem(sys.modules, "tiny", raising=False)  # not all have the tiny nets
    said = re.search(r"It prints:\n\n```\{code-block\} text\n(.*?)```", page_of(path), re.S)
    if said is not None:
        assert capfd.readouterr().out == said.group(1)
    assert not list(tmp_path.iterdir())
