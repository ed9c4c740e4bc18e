"""record.json as anybody may have written it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignite_unlearn.record.folder import kept_aside, write_record
from ignite_unlearn.record.record import Record
from tests.fuzz.judged import assert_printable, judged, launched, listing
from tests.fuzz.values import json_bytes
from tests.record.records import record


def whole():
    """Returns the content of a record in which nothing is empty."""
    audit = {"audit": "a", "key": "a", "unit": "iterations", "value": 1.0, "low": 0.5, "high": 2.0, "passed": True}
    audit |= {"verdict": "it was not told", "details": {"iterations": [1], "not_reached": 0}}
    made = record(
        audits={gan: [audit] for gan in ("original", "unlearned", "retrained")},
        scores={"original": {"edges": [0.0, 1.0, 2.0], "forget": [1, 2], "retain": [2, 1]}},
        curves={"unlearning/loss": {"iteration": [1, 2, 3], "value": [3.0, 2.0, 1.0]}},
        bounds=[{"name": "forgotten_share", "value": 0.0, "at_most": 0.1}, {"name": "fid", "value": 1.0, "at_most": 2}],
        found={"rows": 3, "items": 1, "of": 2, "asked": 4},
        files={"samples.png": "a" * 64},
        request={"id": "R-1", "asked_by": "Ada", "run_by": None},
        weights_sha256="b" * 64,
    )
    return json.loads(json.dumps({**made.as_dict(), "page_sha256": "c" * 64}))


@pytest.mark.fuzz
@given(content=json_bytes(whole()), how=st.integers(0, 4))
def test_a_record_is_told_or_refused(tmp_path_factory, content, how):
    folder = tmp_path_factory.mktemp("record")
    (folder / "record.json").write_bytes(content)
    there = listing(folder)
    if how == 0:
        launched("report", folder)
    elif how == 1:
        launched("report", folder, "--json", "--fail-on", "not-tested")
    elif how == 2:
        launched("report", folder, "--verify")
    elif how == 3:
        launched("evaluate", folder, "--device", "cpu", "--quiet")
        judged(lambda: kept_aside(folder))
    assert listing(folder) == there
    if how == 4:
        judged(lambda: write_record(folder, Record.read(folder)))
        if (folder / "record.html").exists():
            assert "<script>alert" not in (folder / "record.html").read_text() and Record.read(folder)
            assert_printable(launched("report", folder).output)
