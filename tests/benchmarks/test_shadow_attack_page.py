import importlib.util
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

PATH = Path(__file__).parents[2] / "docs" / "benchmarks" / "shadow_attack.py"


@pytest.fixture
def benchmark():
    spec = importlib.util.spec_from_file_location("shadow_attack_page", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_benchmark_goes_on_where_it_was_stopped_and_makes_its_table(benchmark, tmp_path):
    benchmark.TARGETS, benchmark.FOR_QUANTILES, benchmark.SAMPLES, benchmark.HALVES = 6, 50, 40, 2
    benchmark.ITERATIONS, benchmark.LATER, benchmark.PHASES["learning"] = 3, 2, ("trained", None, 1)

    def call(part, *options):
        found = CliRunner().invoke(benchmark.main, [part, "--runs", str(tmp_path), *options], catch_exceptions=False)
        assert found.exit_code == 0
        return found.stdout

    call("train", "--shadows", "2")
    first = (tmp_path / "trained-001.pt").stat().st_mtime_ns
    call("train", "--shadows", "36")
    assert (tmp_path / "trained-001.pt").stat().st_mtime_ns == first
    call("unlearn", "--shadows", "36", "--phase", "learning")
    assert len(list(tmp_path.glob("*.pt"))) == 36 * 3
    lines = call("attack", "--shadows", "36", "--phase", "learning").splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert {line.count("|") for line in rows} == {7}
    assert len(rows) == 3 * (2 + 3 * 4 + 1) + 2 + 4  # three kinds, at three times, and one mixed


def test_no_image_is_two_things_at_once(benchmark):
    images = benchmark.Images()
    parts = [images.targets, images.rest, images.for_phase, images.for_quantiles]
    rows = torch.cat(parts).flatten(1)
    assert len(rows.unique(dim=0)) == len(rows) == sum(map(len, parts))
    status = benchmark.draw_status(1, benchmark.TARGETS)[0]
    kept, forgotten, trained = images.kept(status), images.forgotten(status), images.trained_on(status)
    assert len(kept) + len(forgotten) == len(trained) == 64
    assert len(torch.cat([kept, forgotten, trained]).flatten(1).unique(dim=0)) == 64
