"""One list of figures: what is added there is told by every table, and by its own title and format."""

from dataclasses import replace

import pytest

from ignite_unlearn.bench.page import page as bench_page
from ignite_unlearn.bench.rows import Table
from ignite_unlearn.cli.text import format_table
from ignite_unlearn.record import figures as module
from ignite_unlearn.record.figures import FIGURES, PROMISED, Figure, figure, figures_in
from ignite_unlearn.record.folder import write_record
from ignite_unlearn.runs.finished import Finished
from tests.bench.test_rows import row
from tests.record.records import record


def everywhere(tmp_path, key, value):
    """Returns the texts of all tables that tell a number: page, report, evaluation, benchmark."""
    told = record(metrics={gan: {key: value} for gan in ("original", "unlearned", "retrained")})
    write_record(tmp_path, told)
    rows = [row(0), row(1)]
    for found in (numbers for each in rows for numbers in each["metrics"].values()):
        found[key] = value
    return [
        (tmp_path / "record.html").read_text().split("<h2>Everything")[0],
        format_table(told.table()),
        format_table(Finished(None, told).differences({"unlearned": {key: value}})),
        bench_page(Table("mnist-class", "c", rows), title="t"),
    ]


@pytest.mark.parametrize("key", FIGURES)
def test_every_table_tells_a_figure_by_its_title(tmp_path, key):
    *of_a_record, of_a_benchmark = everywhere(tmp_path, key, 0.5)
    assert all(word in text for text in of_a_record for word in FIGURES[key].name.split())  # a long name is wrapped
    shown = [line for line in of_a_benchmark.splitlines() if line.startswith(f"| {FIGURES[key].name} |")]
    assert bool(shown) is FIGURES[key].benchmarked
    assert all(format(0.5, FIGURES[key].form) in line for line in shown)


def test_a_new_figure_is_told_everywhere_for_one_line_in_the_list(tmp_path, monkeypatch):
    new = Figure("sharpness", "sharpness of edges", ".1f", "higher", "per cent", quality=True, benchmarked=True)
    assert not any("sharpness of edges" in text for text in everywhere(tmp_path / "before", new.key, 12.34))
    monkeypatch.setattr(module, "FIGURES", {**FIGURES, new.key: new})
    monkeypatch.setattr("ignite_unlearn.bench.page._FIGURES", [new])
    *of_a_record, of_a_benchmark = everywhere(tmp_path / "after", new.key, 12.34)
    assert all("sharpness of edges, per cent" in text for text in of_a_record)
    assert "| sharpness of edges, per cent | 12.3 (12.3 to 12.3) |" in of_a_benchmark
    # A bound on it says nothing of forgetting, since it tells quality.
    asked = record(metrics={}, bounds=[{"name": new.key, "value": 50.0, "at_least": 20.0}])
    assert asked.verdict.value == "not-tested"
    assert any(
        reason.startswith("Sharpness of edges: ") and "the bound is at least 20" in reason
        for reason in asked.verdict.reasons
    )


def test_an_interval_of_what_is_measured_later_belongs_to_its_figure():
    numbers = {"membership_auc_later": 0.5, "membership_auc_low_later": 0.4, "membership_auc_high_later": 0.6}
    assert [found.key for found in figures_in([numbers])] == ["membership_auc_later"]
    assert FIGURES["membership_auc_later"].cell(numbers) == "0.5 [0.4, 0.6]"
    assert figure("membership_auc_low_later").title == "the same, learning on, lower end"


def test_a_further_look_stands_below_the_first_and_says_its_steps():
    keys = ["near_auc", "near_auc_later", "near_auc_later_2000", "near_auc_later_10000", "retained_near_auc"]
    numbers = dict.fromkeys([*reversed(keys), "near_auc_low_later_2000", "near_auc_high_later_2000"], 0.5)
    assert [found.key for found in figures_in([numbers])] == keys
    further = figure("near_auc_later_2000")
    assert further.title == "the same, learning on for 2000 steps" and further.better == "retrained"
    assert further.cell(numbers) == "0.5 [0.5, 0.5]"
    assert figure("near_auc_low_later_2000").title == "the same, learning on for 2000 steps, lower end"
    assert figure("mine_later_7").title == "mine later 7"


def test_keys_are_their_own_and_promised_ones_are_in_every_record():
    assert all(
        key == listed.key and listed.better in ("lower", "higher", "retrained") for key, listed in FIGURES.items()
    )
    assert {"fid", "membership_auc_low", "relearn_iterations"} <= set(PROMISED)
    assert {figure(key).key for key in PROMISED} == set(PROMISED)
    empty = record(metrics={"original": {}, "unlearned": {}}).as_dict()["metrics"]["unlearned"]
    assert empty.keys() == {*PROMISED, "feature_extractor"}
    audits = [listed.audit for listed in FIGURES.values() if listed.audit]
    assert len(set(audits)) == len(audits) == 3


def test_a_scripts_own_numbers_come_after_the_listed_ones():
    numbers = [{"zeta": 1, "alpha": 2.0, "alpha_low": 1.0, "alpha_high": 3.0, "fid": None, "text": "no number"}]
    assert [found.name for found in figures_in([*numbers, {"kid": 0.5}])] == ["KID of retained images", "alpha", "zeta"]
    assert figure("alpha").cell(numbers[0]) == "2 [1, 3]" and figure("fid").cell(numbers[0]) == "-"
    assert replace(figure("pul"), unit="").name == "PUL"
