"""What is printed fits 80 columns, and stays readable in fewer."""

import pytest

from ignite_unlearn.cli.text import format_table, tell, tell_beside
from ignite_unlearn.recipes import stock_recipes
from ignite_unlearn.record.folder import write_record
from ignite_unlearn.record.record import GANS
from tests.cli.test_cli import call
from tests.record.records import record

WORST = {"kid": -0.00123, "kid_low": -0.0000123, "kid_high": 0.0000456, "forgotten_share": 0.993}


def test_tables_are_aligned():
    assert format_table([["", "a"], ["long name", "1"], ["x", "23456"]]).splitlines() == [
        "               a",
        "long name      1",
        "x          23456",
    ]


ROWS = [["", "original", "unlearned"], ["a rather long name", "1", "0.5 [0.1, 0.9]"], ["x", "23456", "-"]]


def test_a_table_that_is_too_wide_has_intervals_below_their_numbers_and_names_wrapped():
    assert format_table(ROWS, 38).splitlines() == [
        "                  original   unlearned",
        "a rather long            1         0.5",
        "name                        [0.1, 0.9]",
        "x                    23456           -",
    ]


def test_a_table_that_leaves_no_room_for_names_has_them_above_their_numbers():
    assert format_table(ROWS, 30).splitlines() == [
        "  original   unlearned",
        "a rather long name",
        "         1         0.5",
        "            [0.1, 0.9]",
        "x",
        "     23456           -",
    ]


def test_a_table_is_laid_out_anew_only_where_it_must_be():
    assert format_table(ROWS, 60) == format_table(ROWS, 44) != format_table(ROWS, 43)


def test_a_line_is_wrapped_below_its_text_and_a_path_stays_whole(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "20")
    tell(
        "  - one two three four five",
        "1. runs/a-rather-long-name/of-a-folder and more",
        "",
        "plain words that are many",
    )
    assert capsys.readouterr().out.splitlines() == [
        "  - one two three",
        "    four five",
        "1. runs/a-rather-long-name/of-a-folder",
        "   and more",
        "",
        "plain words that are",
        "many",
    ]


def test_what_is_said_of_a_name_stands_beside_it_or_below_a_long_one(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "20")
    tell_beside([("one", "what it does, in words"), ("\x1b[31m", "red"), ("x" * 60, "long")])
    assert capsys.readouterr().out.splitlines() == [
        "one       what it",
        "          does, in",
        "          words",
        "\\x1b[31m  red",
        "x" * 60,
        "          long",
    ]


LISTS = [
    ("recipes",),
    ("plugins",),
    ("run", "digits-class", "--dry-run"),
    *(("show", name) for name in stock_recipes()),
]


@pytest.mark.parametrize("args", LISTS, ids=" ".join)
def test_what_is_listed_fits_80_columns(monkeypatch, tmp_path, args):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    shown = call(*args)
    assert shown.exit_code == 0 and max(map(len, shown.output.splitlines())) <= 80


def test_a_report_fits_80_columns_whatever_its_numbers(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    limits = ["What this record does not show is so much that it takes far more than one line of a terminal to say it."]
    write_record(tmp_path, record(metrics=dict.fromkeys(GANS, WORST), limits=limits))
    shown = call("report", ".", "--verify").output
    assert "  - What this record does not show" in shown and "[-1.23e-05, 4.56e-05]" in shown
    assert max(map(len, shown.splitlines())) <= 80
