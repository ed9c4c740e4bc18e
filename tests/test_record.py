import json
import re

import pytest
from PIL import Image

from ignite_unlearn.record import METRICS, ErasureRecord


def record(**changes):
    content = {
        "recipe": "test", "seed": 3, "device": "cpu",
        "data": {"name": "<data>", "train": 10, "unseen": 5, "sha256": "d"},
        "forget": {"kind": "classes", "classes": [3], "count": 2, "sha256": "f"},
        "method": {"name": "cascade", "substitution": "s", "fake_label": "l", "options": {"classes": (3,)}},
        "seconds": {"original": 50.0, "unlearning": 0.5, "retraining": 60.0},
        "iterations": {"original": 100, "unlearning": 4, "retraining": 100},
        "metrics": {
            "original": {"fid": 1.0, "forgotten_share": 1.0},
            "unlearned": {"fid": float("nan"), "forgotten_share": 0.0},
            "retrained": {"fid": 1.1, "forgotten_share": 0.1},
        },
        "feature_extractor": {"name": "net", "sha256": "e", "samples": 7},
        "stopped_because": "it was <done>",
        "limits": ("a limit",),
        **changes,
    }  # fmt: skip
    return ErasureRecord(**content)


def test_the_json_follows_the_contract(tmp_path):
    record().write(tmp_path)
    content = json.loads((tmp_path / "record.json").read_text())
    assert content.keys() == {
        "schema", "recipe", "seed", "device", "versions", "data", "forget", "method", "seconds", "iterations",
        "speedup", "metrics", "stopped_because", "limits",
    }  # fmt: skip
    assert content["seconds"] == {"original": 50.0, "unlearning": 0.5, "retraining": 60.0, "inversion": None}
    assert content["iterations"].keys() == content["seconds"].keys()
    assert content["metrics"].keys() == {"original", "unlearned", "retrained"}
    for numbers in content["metrics"].values():
        assert set(METRICS) | {"feature_extractor"} <= numbers.keys()
        assert numbers["feature_extractor"] == {"name": "net", "sha256": "e", "samples": 7}
    assert content["metrics"]["unlearned"]["fid"] is None and content["metrics"]["original"]["kid"] is None
    assert content["speedup"] == 120


def test_inversion_counts_as_unlearning_and_without_retraining_there_is_no_speedup():
    assert record(seconds={"unlearning": 1.0, "inversion": 2.0, "retraining": 60.0}).speedup == 20
    assert record(seconds={"unlearning": 1.0}, metrics={"original": {}, "unlearned": {}}).speedup is None
    assert record(metrics={"original": {}, "unlearned": {}}).as_dict()["metrics"]["retrained"] is None


def test_the_page_needs_no_other_file_and_escapes_what_it_shows(tmp_path):
    record().write(tmp_path, Image.new("RGB", (4, 4)))
    page = (tmp_path / "record.html").read_text()
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "&lt;data&gt;" in page and "<data>" not in page and "<done>" not in page
    assert "120 times less" in page and "a limit" in page


def test_the_table_shows_the_gans_side_by_side():
    rows = record().table()
    assert rows[0] == ["", "original", "unlearned", "retrained"]
    assert ["forgotten share", "1", "0", "0.1"] in rows
    assert ["seconds", "50.00", "0.50", "60.00"] in rows


@pytest.mark.parametrize("gan", ["original", "unlearned"])
def test_metrics_of_ones_own_are_kept(gan):
    metrics = {"original": {}, "unlearned": {}, gan: {"mine": [1, 2]}}
    assert record(metrics=metrics).as_dict()["metrics"][gan]["mine"] == [1, 2]
