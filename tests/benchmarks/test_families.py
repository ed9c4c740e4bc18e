"""That the benchmark of families runs; what it finds, docs/benchmarks tell."""

import importlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

DOCS = Path(__file__).parents[2] / "docs" / "benchmarks"


@pytest.fixture
def families(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    return importlib.import_module("families")


def test_a_family_is_unlearned_and_measured_once_and_told_in_a_table(families, tmp_path):
    def run():
        arguments = ["ls-embed", "--runs", f"{tmp_path}", "--at-most", "3", "--retrained"]
        return CliRunner().invoke(families.main, arguments, catch_exceptions=False).stdout.splitlines()

    lines = run()
    phase, retrained = map(json.loads, (tmp_path / "results.jsonl").read_text().splitlines())
    assert list(phase["numbers"]) == ["original", "at once", "after 100", "after 200", "after 2,000"]
    assert all(0 <= value <= 1 for numbers in phase["numbers"].values() for value in numbers.values())
    assert 3 <= phase["iterations"] <= 12  # of four epochs of three
    assert (phase["request"], retrained["kind"]) == ("ls-embed s0", "retrained")
    assert "retrained" in lines[0] and lines[2].startswith("| ls-embed s0 | share under the forgotten label |")
    *lines, empty, of_half, of_retrained = lines
    assert len({line.count("|") for line in lines}) == 1 and len(lines) == 2 + 3
    assert not empty and of_half.startswith("AUCs beside one half: forgotten ") and " of 1, " in of_retrained

    kept = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert run()[:-3] == lines
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == kept


@pytest.mark.parametrize(
    ("numbers", "level", "met"),
    [
        ({"forgotten": 0.03, "others": 0.87}, None, True),
        ({"forgotten": 0.04, "others": 0.9}, None, False),
        ({"share": 0.01, "least": 0.04}, None, True),
        ({"share": 0.01, "least": 0.01}, None, False),
        ({"near_auc": 0.36, "d_auc": 0.64}, None, True),
        ({"near_auc": 0.36, "d_auc": 0.64}, {"near_auc": 0.7, "d_auc": 0.5}, False),
        ({"near_auc": 0.8, "d_auc": 0.5}, {"near_auc": 0.7, "d_auc": 0.5}, True),
    ],
)
def test_the_goal_of_the_page(families, numbers, level, met):
    original = {"others": 0.9, "least": 0.06}
    assert families.forgot(numbers, original, level) == met


def test_items_are_told_from_images_that_neither_gan_nor_phase_gets(families, tmp_path):
    family = next(family for family in families.FAMILIES if family.name == "style-mem")
    request = families.Request(families.Bench(tmp_path, None, 3), family, seed=0, draw=1)
    assert request.forgotten.sum() == families.ITEMS and len(request.data.images) == family.trained
    gan = request.original().gan
    phase, judged = request.phase(gan), request.data.unseen[1::2]
    for images in (request.data.images, *phase.unseen_images()):
        assert not (judged[:, None] == images[None]).flatten(2).all(2).any()
    assert set(request.measured(gan)) == {"near_auc", "d_auc", "retained_near_auc", "retained_d_auc"}


@pytest.mark.filterwarnings("ignore:The loop's own step asked the generator for forgotten classes:UserWarning")
def test_loops_that_draw_all_labels_go_on_with_the_handler_attached(families, tmp_path):
    all_labels = importlib.import_module("all_labels")
    arguments = ["ls-embed", "--runs", f"{tmp_path}", "--at-most", "3"]
    lines = CliRunner().invoke(all_labels.main, arguments, catch_exceptions=False).stdout.splitlines()
    rows = [json.loads(line) for line in (tmp_path / "all_labels.jsonl").read_text().splitlines()]
    assert [row["phase"] for row in rows] == ["by itself", "untrained"] and len(lines) == 4
    assert all(list(row["numbers"]) == ["original", "at once", "after 200", "after 2,000"] for row in rows)
    assert len({line.count("|") for line in lines}) == 1
