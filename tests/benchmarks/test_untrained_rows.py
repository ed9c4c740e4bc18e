import importlib.util
from pathlib import Path

import pytest
from click.testing import CliRunner

from ignite_unlearn.cli import main

PATH = Path(__file__).parents[2] / "docs" / "benchmarks" / "untrained_rows.py"


@pytest.fixture
def benchmark():
    spec = importlib.util.spec_from_file_location("untrained_rows_page", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.SAMPLES, module.SEEDS, module.ROWS = 20, 2, 3
    return module


def call(command, *arguments):
    found = CliRunner().invoke(command, [*map(str, arguments)], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stdout.splitlines()


def test_the_benchmark_tells_what_either_way_of_drawing_leaves(benchmark, tmp_path):
    options = ("--runs", tmp_path, "--classes", "3,4", "--set", "iterations=2")
    lines = call(benchmark.main, "shown", "digits-class", *options)
    assert [line.split(" ")[1] for line in lines] == ["class", "---", "3", "4", "all"]
    assert {line.count("|") for line in lines} == {5}


@pytest.mark.slow  # half a minute
def test_it_tells_members_by_rows_and_puts_the_discriminators_back(benchmark, tmp_path):
    call(main, "run", "digits-class", "--retrain", "--quiet", "--out", tmp_path, "--set", "iterations=2")
    first, again = (call(benchmark.main, "told", tmp_path) for _ in range(2))
    assert first == again and [line.split(" ")[1] for line in first] == [
        "GAN", "---", "original", "unlearned", "retrained",
    ]  # fmt: skip
