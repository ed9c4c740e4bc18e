import subprocess
import sys

import pytest

from ignite_unlearn import UnlearningError
from ignite_unlearn.utils.locks import locked_file, locked_folder

HOLD = """
import sys
from pathlib import Path
from ignite_unlearn.utils.locks import locked_folder
with locked_folder(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_is_refused_until_the_first_one_ends_or_is_killed(tmp_path):
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=-1, stdout=-1, text=True)
    try:
        assert other.stdout.readline() == "held\n"
        with (
            pytest.raises(UnlearningError, match="in use by another run: wait"),
            locked_folder(tmp_path),
        ):
            pass
    finally:
        other.kill()
        other.communicate()
    with locked_folder(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_half_wrote_is_cleared(tmp_path):
    half, whole = tmp_path / ".original.pt.abc.part", tmp_path / "original.pt"
    half.write_bytes(b"half"), whole.write_bytes(b"whole")
    with locked_folder(tmp_path):
        assert not half.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["original.pt"]


def test_a_folder_that_nothing_came_of_is_gone(tmp_path):
    with pytest.raises(ZeroDivisionError), locked_folder(tmp_path / "deep" / "run"):
        raise ZeroDivisionError
    assert not (tmp_path / "deep" / "run").exists()


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnlearningError, match="Cannot write into"), locked_folder(tmp_path / "file" / "run"):
        pass


def test_a_file_is_locked_beside_itself(tmp_path):
    with locked_file(tmp_path / "rows.json", "in use"):
        with pytest.raises(UnlearningError, match="in use"), locked_file(tmp_path / "rows.json", "in use"):
            pass
        with locked_file(tmp_path / "others.json", "in use"):
            pass
    assert not list(tmp_path.iterdir())
