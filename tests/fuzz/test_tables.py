"""The rows of a benchmark's page as anybody may have written them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignite_unlearn.bench.page import write_page
from ignite_unlearn.bench.rows import Table, measure
from ignite_unlearn.recipes import load_recipe
from tests.bench.test_rows import row
from tests.fuzz.judged import judged, launched, listing
from tests.fuzz.values import json_bytes

SETTINGS = {"classes": [1], "iterations": 4}


def whole(name):
    spread = [{"classes": [1], "seeds": [0, 1], "fid": 0.5}]
    rows = [{**row(seed), "method": {"name": "cascade", "options": SETTINGS}} for seed in (0, 1)]
    for found in rows:
        found["data"]["sha256"] = "a" * 64
    content = {"schema": "ignite_unlearn/table/1", "recipe": name, "command": "c", "rows": rows, "spread": spread}
    return json.loads(json.dumps(content))


@pytest.mark.fuzz
@given(data=st.data(), name=st.sampled_from(["mnist-class", "mnist-class-unconditional", "digits-class"]))
def test_rows_are_told_or_refused(tmp_path_factory, data, name):
    folder, recipe = tmp_path_factory.mktemp("table"), load_recipe(name)
    path = folder / "page.json"
    path.write_bytes(data.draw(json_bytes(whole(name))))
    there = listing(folder)
    if name == "digits-class" and data.draw(st.booleans()):
        launched("table", name, "--page", folder / "page.md", "--dry-run", "--seeds", "0", "--classes", "1")
        assert listing(folder) == there
        return
    table = judged(lambda: Table.read(path, name, "c"))
    if table is None:
        assert listing(folder) == there
        return
    # What was read can be told, and written again.
    measured = measure([], path, recipe=name, command="c")
    write_page(measured, folder / "page.md", title="t", goals=recipe.goals)
    if measured.rows:
        measured.with_row(measured.rows[0])
