import logging
import re

import pytest
from click.testing import CliRunner

from ignite_unlearn.cli import main
from ignite_unlearn.cli.logs import OneByOne
from ignite_unlearn.recipes.tasks import instruments
from tests.cli.test_cli import SHORT, assert_refused, call, python

LIBRARY = logging.getLogger("ignite_unlearn")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(instruments, "_EPOCHS", 1)


def told_by_a_run(out, *more):
    args = ("run", "digits-class", "--out", out, "--device", "cpu", "--quiet", *SHORT, *more)
    return CliRunner().invoke(main, [str(a) for a in args])


def test_a_run_tells_what_it_does_on_stderr_and_in_a_file_and_leaves_no_handler_behind(tmp_path):
    before = (list(LIBRARY.handlers), LIBRARY.level)
    result = told_by_a_run(tmp_path / "out", "-v", "--log-file", tmp_path / "log.txt")
    assert result.exit_code == 0, result.output
    written = (tmp_path / "log.txt").read_text()
    for text in (
        "The training of original.pt begins: 4 iterations",
        "The training of original.pt ended after",
        "The phase begins, 0 iterations of it are done: CascadedUnlearning(",
        "The phase ended after 1 iterations: ",
        "record.json is written: ",
    ):
        assert text in " ".join(result.stderr.split()) and text in written and text not in result.stdout
    folder = str(tmp_path)
    assert all(len(line) <= 80 or folder in line for line in result.stderr.splitlines())
    stamp = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO ignite_unlearn\.\S+: |  ")
    assert all(stamp.match(line) for line in written.splitlines())
    assert (LIBRARY.handlers, LIBRARY.level) == before


def test_a_run_that_nobody_asked_tells_nothing_of_its_steps(tmp_path):
    result = told_by_a_run(tmp_path / "out")
    assert result.exit_code == 0 and result.stderr == ""


def test_an_error_is_in_the_file_and_only_once_on_stderr(tmp_path):
    result = told_by_a_run(tmp_path / "out", "-v", "--log-file", tmp_path / "log.txt", "--set", "iterations=x")
    assert_refused(result, "expected a whole number")
    assert result.stderr.count("expected a whole number") == 1
    assert "ERROR ignite_unlearn: --set iterations=x does not fit" in (tmp_path / "log.txt").read_text()


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path):
    assert_refused(call("run", "digits-class", "--log-file", tmp_path / "no" / "log.txt"), "cannot be used")


def test_no_message_acts_in_a_terminal_or_looks_like_another_one():
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s", ("a\x1b[31m\n2026-01-01 INFO x: b",), None)
    assert OneByOne("%(message)s").format(record) == "a\\x1b[31m\n  2026-01-01 INFO x: b"


def test_the_library_configures_no_logging():
    code = "import logging, ignite_unlearn.runs.pipeline\nfound = logging.getLogger('ignite_unlearn')\n"
    assert python(code + "print(found.handlers, found.level, logging.getLogger().handlers)") == "[] 0 []\n"
