import json
from dataclasses import replace

import pytest

from ignite_unlearn import UnlearningError
from ignite_unlearn.record.folder import finish_record, kept_aside, refuse_changed, verify, write_record
from ignite_unlearn.record.record import Record
from tests.death import killed_at, operations_of
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


def test_a_record_is_never_written_over_another_runs(tmp_path):
    assert kept_aside(tmp_path) is None
    first = write_record(tmp_path, record())
    page = (tmp_path / "record.html").read_text()
    announced = kept_aside(tmp_path)
    for seed, when in ((4, "2027"), (5, "2027"), (6, "2028")):
        write_record(tmp_path, record(seed=seed, created=when))
    assert announced == tmp_path / "record-20260102T030405.json"
    assert (
        json.loads(announced.read_text())["seed"] == first.seed and announced.with_suffix(".html").read_text() == page
    )
    # Written twice in the same second by the same run, as an audit does: one record.
    assert json.loads((tmp_path / "record-2027.json").read_text())["seed"] == 5
    assert Record.read(tmp_path).seed == 6


@pytest.mark.parametrize("when", [None, "2027"])
def test_a_kill_at_any_operation_leaves_both_files_of_one_record_or_of_the_other(tmp_path, when):
    changes = {} if when is None else {"created": when}  # audited again; another run

    def begun(name):
        folder = tmp_path / name
        folder.mkdir()
        write_record(written(folder), record())
        return folder

    def write(folder):
        return lambda: write_record(folder, record(seed=4, **changes))

    def names(folder):
        return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".part"))

    whole = begun("whole")
    before = names(whole)
    last = operations_of(whole, write(whole))
    seeds = []
    for operation in range(last):
        folder = begun(str(operation))
        assert killed_at(folder, operation, write(folder))
        finish_record(folder)
        assert {found for _, found in verify(folder)} == {"as recorded"}
        seeds.append(Record.read(folder).seed)
        assert names(folder) == (names(whole) if seeds[-1] == 4 else before), operation
        write(folder)()
        assert names(folder) == names(whole) and Record.read(folder).seed == 4, operation
    assert seeds == sorted(seeds, key=lambda seed: seed == 4) and len({*seeds}) == 2


def test_what_lies_in_place_of_a_record_that_is_being_written_is_taken_away(tmp_path):
    folder = written(tmp_path)
    for content in ("", "[]", '{"record": {}, "page": ""}', '{"record": 3, "page": "x"}', '{"page": {}}'):
        (folder / ".record.pending").write_text(content)
        finish_record(folder)
        assert not (folder / ".record.pending").exists()
        assert {found for _, found in verify(folder)} == {"as recorded"}


def test_a_file_that_is_no_record_is_kept_too(tmp_path):
    (tmp_path / "record.json").write_text("mine")
    write_record(tmp_path, record())
    assert (tmp_path / "record-unreadable.json").read_text() == "mine"


def test_writing_again_what_was_read_does_not_make_a_changed_file_a_recorded_one(tmp_path):
    folder = written(tmp_path)
    (folder / "unlearned.pt").write_bytes(b"others")
    with pytest.raises(UnlearningError, match=r"unlearned\.pt is not what was there when the run ended"):
        refuse_changed(folder)
    write_record(folder, Record.read(folder))
    assert dict(verify(folder))["unlearned.pt"] == "changed"


def test_a_file_that_was_deleted_as_the_record_advises_is_no_change(tmp_path):
    folder = written(tmp_path)
    (folder / "samples.png").unlink()
    refuse_changed(folder)
    (folder / "record.html").write_text("forged")
    with pytest.raises(UnlearningError, match=r"record\.html is not what"):
        refuse_changed(folder)
