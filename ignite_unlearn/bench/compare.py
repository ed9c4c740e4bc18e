"""Comparisons between the runs of a benchmark: how far apart GANs are that differ by their seed alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import torch

from ignite_unlearn.metrics.fid import FID
from ignite_unlearn.record.record import GANS, Record
from ignite_unlearn.runs.finished import Finished
from ignite_unlearn.runs.pipeline import JUDGED
from ignite_unlearn.runs.run import Run


def spread(runs: Sequence[Run], known: Sequence[Mapping[str, Any]] = ()) -> list[Mapping[str, Any]]:
    """Returns the FIDs between retrained GANs of two seeds: no unlearned GAN can be asked to come nearer to one.

    Args:
        runs: of which those are compared whose folders hold all three GANs.
        known: what was found before: dicts of ``classes``, ``seeds`` and ``fid``; kept of what is not there now.
    """
    found = {(tuple(pair["classes"]), tuple(pair["seeds"])): pair for pair in known}
    for classes in sorted({tuple(sorted(run.recipe.task.classes)) for run in runs}):
        alike = [run for run in runs if tuple(sorted(run.recipe.task.classes)) == classes]
        there = [run for run in alike if all((run.out / f"{gan}.pt").exists() for gan in GANS)]
        features = {run.seed: _features(run) for run in there} if len(there) > 1 else {}
        for seeds in combinations(sorted(features), 2):
            fid = FID.distance(*(features[seed] for seed in seeds))
            found[classes, seeds] = {"classes": list(classes), "seeds": list(seeds), "fid": fid}
    return [found[key] for key in sorted(found)]


def _features(run: Run) -> Any:
    finished, recipe = Finished(run, Record.read(run.out)), run.recipe
    gans = finished.gans()
    with torch.no_grad():
        evaluation = recipe.task.evaluation(
            finished.instruments(), run.split, gans["original"], samples=recipe.samples, seed=JUDGED
        )
        return evaluation.features(gans["retrained"])
