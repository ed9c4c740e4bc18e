import json

import pytest

from ignite_unlearn import UnlearningError
from ignite_unlearn.record import Bound, Record, RowsMet, write_record
from tests.record.records import record


@pytest.mark.parametrize(
    ("bound", "value", "holds"),
    [
        (Bound("x", at_most=1.0), 1.0, True), (Bound("x", at_most=1.0), 1.1, False),
        (Bound("x", at_least=1.0), 1.0, True), (Bound("x", at_least=1.0), 0.9, False),
        (Bound("x", at_least=1.0, at_most=2.0), 1.5, True), (Bound("x", at_least=1.0, at_most=2.0), 3.0, False),
        (Bound("x"), 5.0, True), (Bound("x"), None, False), (Bound("x", at_most=1.0), float("nan"), False),
        (Bound("x", at_least=1.0), float("inf"), False),
    ],
)  # fmt: skip
def test_a_bound_holds_for_finite_numbers_within_it(bound, value, holds):
    assert bound.holds(value) is holds


def test_bounds_and_rows_are_read_back_as_they_were_written(tmp_path):
    bounds = [
        {"name": "fid", "value": 1.0, "at_most": 2.0, "at_least": None},
        {"name": "share_above_substitutes", "value": None, "at_most": 0.1, "at_least": None, "of_substitutes": 0.3},
    ]
    found = {"rows": 3, "items": None, "of": None, "asked": 0}
    write_record(tmp_path, record(bounds=bounds, found=found))
    content = json.loads((tmp_path / "record.json").read_text())
    assert content["bounds"] == bounds and content["found"] == found
    again = Record.read(tmp_path)
    assert again.bounds == (Bound("fid", 1.0, 2.0), Bound("share_above_substitutes", None, 0.1, None, 0.3))
    assert again.found == RowsMet(rows=3, asked=0)


def test_a_record_from_before_there_were_bounds_has_none(tmp_path):
    write_record(tmp_path, record())
    content = json.loads((tmp_path / "record.json").read_text())
    del content["bounds"], content["found"]
    (tmp_path / "record.json").write_text(json.dumps(content))
    assert (Record.read(tmp_path).bounds, Record.read(tmp_path).found) == ((), RowsMet())


@pytest.mark.parametrize("change", [{"bounds": [{"value": 1}]}, {"bounds": 3}, {"found": []}, {"metrics": []}])
def test_other_contents_are_one_sentence(tmp_path, change):
    write_record(tmp_path, record())
    content = json.loads((tmp_path / "record.json").read_text())
    (tmp_path / "record.json").write_text(json.dumps({**content, **change}))
    with pytest.raises(UnlearningError, match="is no erasure record"):
        Record.read(tmp_path)
