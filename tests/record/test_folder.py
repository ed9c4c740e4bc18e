import json
from dataclasses import replace

from ignite_unlearn.record.folder import verify, write_record
from tests.record.records import record


def written(folder):
    (folder / "unlearned.pt").write_bytes(b"weights")
    (folder / "samples.png").write_bytes(b"picture")
    write_record(folder, record())
    return folder


def test_a_folder_that_nobody_touched_is_as_recorded(tmp_path):
    assert verify(written(tmp_path)) == [
        ("unlearned.pt", "as recorded"), ("samples.png", "as recorded"), ("record.html", "as recorded"),
    ]  # fmt: skip


def test_what_changed_or_went_missing_is_named(tmp_path):
    folder = written(tmp_path)
    (folder / "unlearned.pt").write_bytes(b"others")
    (folder / "samples.png").unlink()
    found = dict(verify(folder))
    assert found == {"unlearned.pt": "changed", "samples.png": "missing", "record.html": "as recorded"}


def test_a_number_changed_in_one_of_the_two_files_is_seen(tmp_path):
    folder = written(tmp_path)
    content = json.loads((folder / "record.json").read_text())
    content["metrics"]["unlearned"]["forgotten_share"] = 0.001
    (folder / "record.json").write_text(json.dumps(content, indent=2))
    assert dict(verify(folder))["record.html"].startswith("does not agree with record.json")


def test_a_number_changed_on_the_page_alone_is_seen(tmp_path):
    page = written(tmp_path) / "record.html"
    text = page.read_text()
    table = text[: text.index("<h2>Everything")]
    for forged in (text.replace(table, table.replace("0", "9")), text + " ", text.replace("Erasure", "erasure")):
        assert forged != text
        page.write_text(forged)
        assert dict(verify(tmp_path))["record.html"] == "changed"


def test_what_is_not_known_is_not_shown_as_none(tmp_path):
    known = replace(record(), data={"name": None}, forget={"kind": "classes", "classes": [5]})
    write_record(tmp_path, known)
    shown = (tmp_path / "record.html").read_text().split("<h2>Everything")[0]
    assert "None" not in shown.replace("None was made", "")
