"""Processes that share global batches, in whatever parts, do what one process does, to rounding."""

from collections.abc import Iterable

import pytest
import torch

from tests.processes import in_processes
from tests.sharded import CASES, apart, run, save

FEW, MANY = 12, 50  # iterations
# Cases of each kind, in layouts that make something of them hard.
SOME = [
    ("class: base", "uneven"), ("class: Noise", "even"), ("class: UnseenQuantiles", "uneven, few first"),
    ("class: by itself", "random 1"), ("class: noisy generator", "even, spread"), ("class: one latent", "even"),
    ("class: norms, by itself", "uneven"), ("class: UntrainedLabel.start", "lacks"), ("items: KFAC", "empty"),
    ("items: two requests", "random 2"), ("items: GaussNewton", "uneven"), ("items: by itself", "lacks"),
    ("items: norms", "even, spread"), ("found: by itself", "uneven, few first"), ("found: ExchangeScores", "lacks"),
]  # fmt: skip
# A step that lies at an optimum, as after this start where nothing is learned, makes rounding errors grow.
ALL = [
    (case, layout)
    for case in CASES
    for layout in ("even", "even, spread", "uneven", "uneven, few first", "empty", "lacks", "random 1")
    if case != "class: NearestEmbedding" or layout.startswith(("even", "uneven"))
]


def compare(folder, world, pairs, iterations) -> Iterable[str]:
    """Returns what differs between ``world`` processes and one."""
    in_processes(world, save, str(folder), pairs, iterations)
    torch.set_num_threads(1)
    for case, layout in pairs:
        weights, unlearning = run(case, layout, iterations)
        everyones = [torch.load(folder / f"{case} {layout} {rank}.pt", weights_only=True) for rank in range(world)]
        difference = apart(weights, everyones[0]["weights"])
        if not difference <= 1e-5:
            yield f"{case}, {layout}, {world}: weights differ by {difference:.1e}"
        for other in everyones:
            steps, reason, metrics, found = other["told"]
            if (steps, found) != (
                unlearning.iterations,
                unlearning.rows_found,
            ) or metrics.keys() != unlearning.metrics.keys():
                yield f"{case}, {layout}, {world}: {other['told']}"
            if (reason is None) != (unlearning.stopped_because is None) or reason != everyones[0]["told"][1]:
                yield f"{case}, {layout}, {world}: ended because {reason}"


def test_two_processes_do_what_one_does(tmp_path):
    assert list(compare(tmp_path, 2, SOME, FEW)) == []


def test_four_processes_do_what_one_does(tmp_path):
    assert list(compare(tmp_path, 4, SOME[::3], FEW)) == []


@pytest.mark.slow
@pytest.mark.parametrize("world", [2, 4])
def test_all_parts_do_the_same_in_one_process_and_in_several(tmp_path, world):
    assert list(compare(tmp_path, world, ALL, MANY)) == []


def test_a_learning_step_is_taken_and_moves_both_nets():
    before, after = (run("class: base", "even", iterations)[0] for iterations in (1, 3))
    assert apart(before, after) > 1e-3
