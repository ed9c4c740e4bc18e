import json
from dataclasses import replace

import pytest

from ignite_unlearn import UnlearningError
from ignite_unlearn.record.figures import PROMISED
from ignite_unlearn.record.folder import write_record
from ignite_unlearn.record.record import Record
from tests.record.records import record


def test_the_json_follows_the_contract(tmp_path):
    write_record(tmp_path, record())
    content = json.loads((tmp_path / "record.json").read_text())
    contract = {
        "schema", "recipe", "seed", "device", "versions", "data", "forget", "method", "seconds", "iterations",
        "speedup", "metrics", "stopped_because", "limits", "verdict", "reasons", "bounds", "found", "created",
        "request", "weights_sha256", "generator_sha256",
    }  # fmt: skip
    assert content.keys() == contract | {"audits", "scores", "curves", "files", "page_sha256"}
    assert content["seconds"] == {"original": 50.0, "unlearning": 0.5, "retraining": 60.0, "inversion": None}
    assert content["iterations"].keys() == content["seconds"].keys()
    assert content["metrics"].keys() == {"original", "unlearned", "retrained"}
    for numbers in content["metrics"].values():
        assert set(PROMISED) | {"feature_extractor"} <= numbers.keys()
        assert numbers["feature_extractor"] == {"name": "net", "sha256": "e", "samples": 7}
    assert content["metrics"]["unlearned"]["fid"] is None and content["metrics"]["original"]["kid"] is None
    assert content["speedup"] == 120


def test_a_record_that_was_read_is_written_as_it_was(tmp_path):
    before = record(audits={"original": [{"audit": "a", "passed": False, "verdict": "v"}]}, metrics={"original": {}})
    write_record(tmp_path, before)
    first = (tmp_path / "record.json").read_text()
    write_record(tmp_path, Record.read(tmp_path))
    assert (tmp_path / "record.json").read_text() == first
    # The versions are those of the run, not of who reads the record.
    write_record(tmp_path, replace(before, versions={"torch": "0.1"}))
    assert Record.read(tmp_path).versions == {"torch": "0.1"}


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "holds no record.json"), ("{", "cannot be read"), ("[]", "no erasure record"), ("{}", "no erasure record")],
)
def test_what_is_no_record_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "record.json").write_text(content)
    with pytest.raises(UnlearningError, match=message):
        Record.read(tmp_path)


def test_a_record_from_before_there_was_a_date_is_not_given_todays(tmp_path):
    write_record(tmp_path, record())
    content = json.loads((tmp_path / "record.json").read_text())
    del content["created"]
    (tmp_path / "record.json").write_text(json.dumps(content))
    assert Record.read(tmp_path).created == ""


def test_inversion_counts_as_unlearning_and_without_retraining_there_is_no_speedup():
    assert record(seconds={"unlearning": 1.0, "inversion": 2.0, "retraining": 60.0}).speedup == 20
    assert record(seconds={"unlearning": 1.0}, metrics={"original": {}, "unlearned": {}}).speedup is None
    assert record(metrics={"original": {}, "unlearned": {}}).as_dict()["metrics"]["retrained"] is None


def test_a_script_that_measured_nothing_still_sees_what_was_spent():
    assert record(metrics={}, seconds={"unlearning": 17.76}).table() == [["", "unlearned"], ["seconds", "17.76"]]


def test_the_table_shows_the_gans_side_by_side_with_intervals():
    rows = record().table()
    assert rows[0] == ["", "original", "unlearned", "retrained"]
    assert ["forgotten share", "1", "0", "0.1 [0.05, 0.2]"] in rows
    assert ["seconds", "50.00", "0.50", "60.00"] in rows


def test_what_was_forgotten_is_said_in_words():
    assert record().forgotten == "class 3 (2 training images)"
    assert record(forget={"kind": "items", "count": 64}).forgotten == "64 items"
    assert record(forget={"kind": "classes", "classes": [3, 5], "count": None}).forgotten == "class 3, 5"
    assert record(forget={"kind": "classes", "classes": [3], "names": ["cat"]}).forgotten == "class cat"


@pytest.mark.parametrize("gan", ["original", "unlearned"])
def test_metrics_of_ones_own_are_kept(gan):
    metrics = {"original": {}, "unlearned": {}, gan: {"mine": [1, 2]}}
    assert record(metrics=metrics).as_dict()["metrics"][gan]["mine"] == [1, 2]
