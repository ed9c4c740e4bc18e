import json

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
    assert dict(verify(folder))["record.html"] == "changed"
