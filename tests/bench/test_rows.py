"""The benchmark of a recipe: rows are kept, measured once, and the page says what they say."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from ignite_unlearn import UnlearningError, cli, recipes
from ignite_unlearn.bench import rows as table
from ignite_unlearn.bench.page import page, write_page
from ignite_unlearn.bench.rows import Table, measure, table_runs
from ignite_unlearn.recipes import load_recipe, stock_recipes
from ignite_unlearn.recipes.audit_budget import AuditBudget
from ignite_unlearn.recipes.goals import Goal, class_goals, unconditional_goals
from ignite_unlearn.recipes.recipe import as_settings, with_settings
from ignite_unlearn.recipes.tasks import instruments as instruments_module
from ignite_unlearn.runs.progress import QUIET
from ignite_unlearn.runs.provenance import Fingerprint
from tests.recipes.given import on
from tests.recipes.test_class_gans import SHORT, data

DOCS = Path(__file__).parents[2] / "docs" / "benchmarks"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(instruments_module, "_EPOCHS", 2)


def bars_recipe(name="mnist-class"):
    return replace(on(load_recipe(name), data()), audits=AuditBudget(restarts=2, give_up=2))


def asked(runs, classes=("1",), seeds="0", settings=SHORT[1:]):
    return table_runs(bars_recipe(), classes, seeds, runs, settings=settings, device="cpu", progress=QUIET)


def test_rows_outlive_the_run_folders_and_are_measured_once(tmp_path, monkeypatch):
    path, requests = tmp_path / "page.json", asked(tmp_path / "runs", ("1", "2"), "0,1")
    assert [r.out.name for r in requests] == ["s0-c1", "s0-c2", "s1-c1", "s1-c2"]
    measured = measure(requests, path, recipe="mnist-class", command="command")
    assert [(row["forget"]["classes"], row["seed"]) for row in measured.rows] == [
        ([1], 0),
        ([1], 1),
        ([2], 0),
        ([2], 1),
    ]
    assert [pair["seeds"] for pair in measured.spread] == [[0, 1], [0, 1]]
    assert all(pair["fid"] > 0 for pair in measured.spread)
    for row in measured.rows:
        assert row["metrics"]["retrained"]["fid"] > 0 and row["speedup"] > 0
        assert {found["audit"] for found in row["audits"]["unlearned"]} >= {"relearning", "recovery by search"}
    # In a new place, without the runs, everything is known from the file.
    monkeypatch.setattr(table, "carry_out", None)
    elsewhere = asked(tmp_path / "others", ("1", "2"), "0,1")
    read = Table.read(path, "mnist-class", "command")
    assert all(map(read.has, elsewhere))
    assert measure(elsewhere, path, recipe="mnist-class", command="command") == measured
    # A part of the runs does not take away what is known of the others.
    part = asked(tmp_path / "runs", ("1",), "0")
    assert measure(part, path, recipe="mnist-class", command="command") == measured
    # Another option is another measurement.
    assert not read.has(asked(tmp_path / "others", ("1",), "0", (*SHORT[1:], "anchor=7"))[0])


def test_a_new_row_takes_the_place_of_an_old_one():
    row = {"forget": {"classes": [1]}, "seed": 0, "speedup": 1.0}
    found = Table("r", "c", [row, {**row, "seed": 1}]).with_row({**row, "speedup": 2.0})
    assert [(old["seed"], old["speedup"]) for old in found.rows] == [(0, 2.0), (1, 1.0)]


def numbers(**changes):
    known = {"fid": 1.0, "kid": 0.0, "ret_fid": 0.5, "pul": None, "forgotten_share": 0.0, "coverage": 0.9}
    known |= {"retained_accuracy": 0.99, "downstream_accuracy": 0.9, "relearn_iterations": 100, "recovery_share": 0.5}
    known |= {"relearn_fresh_iterations": 90, "forgotten_share_later": known["forgotten_share"]}
    return known | changes


OTHERS = ("relearning_fresh_row", "membership_discriminator_score", "membership_other_labels", "null_directions")


def row(seed=0, **unlearned):
    audit = {"audit": "relearning", "unit": "iterations", "value": 5.0, "low": 4.0, "high": 6.0, "passed": False}
    return {
        "seed": seed, "device": "cpu", "hardware": "2 CPU cores", "versions": {"torch": "2.14"}, "speedup": 190.0,
        "data": {"name": "MNIST", "train": 17000}, "forget": {"classes": [1]}, "iterations": {"unlearning": 5},
        "seconds": {"original": 9.0, "unlearning": 1.0, "retraining": 8.0},
        "metrics": {"original": numbers(), "unlearned": numbers(**unlearned), "retrained": numbers()},
        "audits": {
            gan: [{**audit, "verdict": ""}, *({**audit, "audit": key, "key": key, "verdict": ""} for key in OTHERS)]
            for gan in ("original", "unlearned", "retrained")
        },
    }  # fmt: skip


def test_a_missed_goal_is_said_on_the_page():
    rows = [row(0), row(1, fid=1.5, forgotten_share=0.5)]
    text = page(Table("mnist-class", "ignite-unlearn table", rows), title="A title", goals=class_goals())
    assert text.startswith("# A title\n")
    assert "FID of retained images at most 1.02 times the original's: **missed**, met in 1 of 2 runs" in text
    assert "speed-up over retraining at least 185: met in 2 of 2 runs; worst 190" in text
    assert "1.000 / 1.500 / 1.000" in text and "**failed**" in text
    assert "None" not in text and "nan" not in text


@pytest.mark.parametrize("recipe", [name for name in stock_recipes() if load_recipe(name).goals])
def test_every_goal_can_be_missed_and_met(recipe):
    good = [{**row(0, pul=99.0), "spread": 0.4, "speedup": 300.0}]
    good[0]["metrics"]["retrained"]["pul"] = 99.0
    bad_numbers = {"fid": 2.0, "pul": 90.0, "ret_fid": 5.0, "forgotten_share": 0.5, "downstream_accuracy": 0.5}
    bad_numbers["forgotten_share_later"] = 0.5
    relearned = {"relearn_iterations": 1, "relearn_fresh_iterations": 300, "recovery_share": 1.0}
    bad = [{**row(0, **relearned, **bad_numbers), "spread": 0.4, "speedup": 10.0}]
    good[0]["audits"]["unlearned"] = [{**audit, "passed": True} for audit in good[0]["audits"]["unlearned"]]
    bad[0]["metrics"]["retrained"]["pul"] = 90.0
    for goal in load_recipe(recipe).goals:
        assert "missed" not in goal.report(good) and "met in 1 of 1" in goal.report(good)
        assert "**missed**, met in 0 of 1" in goal.report(bad)
    assert Goal("x", lambda row: None, 1.0).report(good) == "x: not measured"


def test_a_goal_says_how_often_retrained_gans_meet_it_among_themselves():
    shares, rows = (0.0, 0.005, 0.2), [row(seed) for seed in range(3)]
    for found, share in zip(rows, shares, strict=True):
        found["metrics"]["retrained"]["forgotten_share"] = share
    rows.append({**row(3), "forget": {"classes": [4]}})  # of another request: beside none
    rows[3]["metrics"]["retrained"] = numbers(forgotten_share=0.1)
    expected = sum(a <= b + 0.01 for a in shares for b in shares if a is not b)
    text = page(Table("mnist-class", "c", rows), title="t", goals=class_goals())
    line = next(line for line in text.splitlines() if line.startswith("* forgotten share at most"))
    assert line.endswith(f"by a retrained GAN beside one of another seed in {expected} of 6")
    assert "beside one of another" not in next(line for line in text.splitlines() if line.startswith("* speed-up"))
    rows[1]["metrics"]["retrained"] = None  # not retrained
    assert page(Table("mnist-class", "c", rows[:2]), title="t", goals=class_goals()).count("beside one of another") == 0


def test_a_gan_that_knows_no_classes_has_no_accuracy_of_them():
    without = row(0, pul=99.0)
    for found in without["metrics"].values():
        del found["retained_accuracy"], found["downstream_accuracy"]
    text = page(Table("mnist-class-unconditional", "c", [without]), title="t", goals=unconditional_goals())
    assert "accuracy" not in text and "99.0" in text


@pytest.mark.parametrize("details", [None, {"not_reached": 1}, {"not_reached": 1, "iterations": [600]}])
def test_relearning_without_a_verdict_meets_no_goal(details):
    unjudged = row()
    unjudged["audits"]["unlearned"][0] |= {"passed": None, "details": details}
    text = page(Table("mnist-class", "c", [row(), unjudged]), title="t", goals=class_goals())
    assert "iterations to relearn within 1.25 times the retrained GAN's, either way: met in 1 of 1 runs" in text


def test_the_launcher_writes_page_rows_and_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(recipes, "load_recipe", lambda name: bars_recipe())
    page_path, settings = tmp_path / "page.md", [part for s in SHORT[1:] for part in ("--set", s)]
    command = ["table", "mnist-class", "--classes", "2", "--seeds", "0", "--runs", str(tmp_path / "runs"), "--device",
               "cpu", "--quiet", "--page", str(page_path), *settings]  # fmt: skip
    dry = CliRunner().invoke(cli.main, [*command, "--dry-run"])
    assert dry.exit_code == 0 and "to be measured" in dry.output and not page_path.exists()
    done = CliRunner().invoke(cli.main, command)
    assert done.exit_code == 0, done.output
    assert "page.png" in page_path.read_text() and (tmp_path / "page.png").exists()
    assert json.loads(page_path.with_suffix(".json").read_text())["rows"][0]["forget"]["classes"] == [2]
    assert "kept" in CliRunner().invoke(cli.main, [*command, "--dry-run"]).output


def test_what_does_not_fit_is_said(tmp_path):
    with pytest.raises(UnlearningError, match="forgets items"):
        table_runs(load_recipe("mnist-items"), ("1",), "0", tmp_path)
    for seeds in ("", "a", "-1"):
        with pytest.raises(UnlearningError, match="--seeds"):
            table_runs(bars_recipe(), ("1",), seeds, tmp_path)
    other = tmp_path / "other.json"
    Table("digits-class", "c").write(other)
    with pytest.raises(UnlearningError, match="no table of mnist-class"):
        Table.read(other, "mnist-class", "c")
    other.write_text("{")
    with pytest.raises(UnlearningError, match="cannot be read"):
        Table.read(other, "mnist-class", "c")


def test_the_page_is_written_without_pictures_too(tmp_path):
    write_page(Table("mnist-class", "c", [row()]), tmp_path / "p.md", title="t", pictures=[tmp_path / "none.png"])
    assert "![" not in (tmp_path / "p.md").read_text()


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.json")), ids=lambda path: path.stem)
def test_published_tables_are_read_and_their_goals_said_as_they_were(path):
    content = json.loads(path.read_text())
    read = Table.read(path, content["recipe"], content["command"])
    assert len(read.rows) == len(content["rows"]) > 0
    recipe = load_recipe(content["recipe"])
    # Their rows are still those of the recipe: no option is missing, and none was not known.
    for row in read.rows:
        settings = as_settings(recipe, row["method"]["options"])
        asked = with_settings(recipe, settings)
        assert Fingerprint(asked.options, asked.before()).differences(row["method"]["options"]) == []
    texts = page(read, title="t", goals=recipe.goals), path.with_suffix(".md").read_text()
    made, published = ([line for line in text.splitlines() if line.startswith("* ")] for text in texts)
    assert [line.partition(": ")[2] for line in made] == [line.partition(": ")[2] for line in published]
