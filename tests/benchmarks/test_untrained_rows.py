import importlib.util
from pathlib import Path

from click.testing import CliRunner

PATH = Path(__file__).parents[2] / "docs" / "benchmarks" / "untrained_rows.py"


def test_the_benchmark_tells_what_either_way_of_drawing_leaves(tmp_path):
    spec = importlib.util.spec_from_file_location("untrained_rows_page", PATH)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    benchmark.SAMPLES, benchmark.SEEDS = 20, 2
    options = ["--runs", str(tmp_path), "--classes", "3,4", "--set", "iterations=2"]
    found = CliRunner().invoke(benchmark.main, ["shown", "digits-class", *options], catch_exceptions=False)
    lines = found.stdout.splitlines()
    assert found.exit_code == 0
    assert [line.split(" ")[1] for line in lines] == ["class", "---", "3", "4", "all"]
    assert {line.count("|") for line in lines} == {5}
