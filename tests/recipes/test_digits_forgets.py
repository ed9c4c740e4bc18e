"""What the recipe is for, on three seeds; about ten minutes."""

import pytest

from ignite_unlearn.recipes.stock.digits_class import RECIPE
from ignite_unlearn.runs.pipeline import carry_out
from ignite_unlearn.runs.progress import QUIET
from ignite_unlearn.runs.run import prepare_run

pytestmark = pytest.mark.slow


def test_the_digit_is_gone_and_nothing_else_is(tmp_path):
    records = [
        carry_out(prepare_run(RECIPE, out=tmp_path / str(seed), seed=seed, retrain=True, progress=QUIET))
        for seed in (0, 1, 2)
    ]
    worst_retrained = max(record.metrics["retrained"]["fid"] for record in records)
    for record in records:
        original, unlearned = record.metrics["original"], record.metrics["unlearned"]
        print("\n".join("  ".join(row) for row in record.table()), f"\nspeed-up {record.speedup:.1f}")
        assert original["forgotten_share"] >= 0.90
        assert min(original["retained_accuracy_by_class"].values()) >= 0.90
        assert unlearned["forgotten_share"] <= 0.02
        assert unlearned["forgotten_share_later"] <= 0.05
        assert unlearned["fid"] <= 1.05 * original["fid"]
        assert unlearned["fid"] <= worst_retrained
        assert unlearned["retained_accuracy"] >= original["retained_accuracy"] - 0.01
        assert record.speedup >= 40
