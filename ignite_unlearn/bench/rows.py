"""The benchmark of a recipe: every request and seed run, audited, and kept as a row that outlives the run folders."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from ignite_unlearn.bench.compare import spread
from ignite_unlearn.bench.form import TABLE
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.recipes.recipe import Recipe
from ignite_unlearn.record.record import Record
from ignite_unlearn.runs.audits import audit_run
from ignite_unlearn.runs.finished import Finished
from ignite_unlearn.runs.pipeline import carry_out
from ignite_unlearn.runs.provenance import Fingerprint
from ignite_unlearn.runs.run import Run, prepare_run
from ignite_unlearn.utils.files import write_json
from ignite_unlearn.utils.json_files import misfit, read_json
from ignite_unlearn.utils.locks import locked_file

SCHEMA = "ignite_unlearn/table/1"
_KEPT = ("seed", "device", "data", "forget", "method", "seconds", "iterations", "speedup", "metrics", "stopped_because")
_ASKED = ("not_reached", "iterations")
_TOLD = ("key", "audit", "unit", "value", "low", "high", "passed", "verdict")  # of an audit's result


@dataclass(frozen=True)
class Table:
    """The rows of a benchmark.

    Attributes:
        recipe: its name.
        command: what measured the rows.
        rows: what each run's record says, without curves and histograms, and the hardware.
        spread: FIDs between retrained GANs of two seeds: dicts of ``classes``, ``seeds`` and ``fid``.
    """

    recipe: str
    command: str
    rows: Sequence[Mapping[str, Any]] = ()
    spread: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    @classmethod
    def read(cls, path: Path, recipe: str, command: str) -> Table:
        """Reads the rows that are there already; none where there is no file.

        Raises:
            UnlearningError: if the file is no table of this recipe.
        """
        if not path.exists():
            return cls(recipe, command)
        try:
            content = read_json(path)
        except (OSError, ValueError) as error:
            raise UnlearningError(f"{path} cannot be read ({error}): delete it, or give another --page.") from error
        if not isinstance(content, dict) or (content.get("schema"), content.get("recipe")) != (SCHEMA, recipe):
            raise UnlearningError(f"{path} is no table of {recipe}: give another --page.")
        wrong = misfit(content, TABLE)
        if wrong is not None:
            raise UnlearningError(f"{path} is no table of {recipe} ({wrong}): delete it, or give another --page.")
        return cls(recipe, command, content["rows"], content["spread"])

    def write(self, path: Path) -> None:
        """Writes the table."""
        content = {"recipe": self.recipe, "command": self.command, "rows": self.rows, "spread": self.spread}
        write_json(path, {"schema": SCHEMA, **content})

    def has(self, run: Run) -> bool:
        """Whether there is a row of the same seed, data and options."""
        asked = Fingerprint(run.options, run.recipe.before())
        return any(
            (row["seed"], row["data"]["sha256"]) == (run.seed, run.data_sha256)
            and not asked.differences(row["method"]["options"])
            for row in self.rows
        )

    def with_row(self, row: Mapping[str, Any]) -> Table:
        """Returns the table with a row in place of an older one of the same seed and classes."""
        key = _key(row)
        return replace(self, rows=sorted([*(old for old in self.rows if _key(old) != key), row], key=_key))

    def spread_of(self, classes: Sequence[int]) -> float | None:
        """Returns the mean FID between retrained GANs of two seeds; None where it was not measured."""
        found = [pair["fid"] for pair in self.spread if sorted(pair["classes"]) == sorted(classes)]
        return sum(found) / len(found) if found else None


def table_runs(
    recipe: Recipe, classes: Sequence[str], seeds: str, runs: Path, *, settings: tuple[str, ...] = (), **asked: Any
) -> list[Run]:
    """Returns the checked runs of a benchmark, seed by seed, so that each original GAN is trained once.

    Args:
        recipe: of class unlearning.
        classes: each as ``--set classes=`` takes it, such as ``"3"`` or ``"1,4"``.
        seeds: separated by commas.
        runs: the folder of the runs.
        settings: options, as ``key=value``.
        asked: ``device``, ``data_root`` and ``progress``.

    Raises:
        UnlearningError: if the recipe forgets no classes, or something does not fit.
    """
    if recipe.task.kind != "classes":
        raise UnlearningError(f"{recipe.name} forgets items: `table` is for recipes that forget classes.")
    try:
        numbers = sorted({int(seed) for seed in seeds.split(",") if seed.strip()})
    except ValueError:
        numbers = []
    if not numbers or numbers[0] < 0:
        raise UnlearningError(f"--seeds {seeds} does not fit: expected whole numbers separated by commas, such as 0,1.")
    return [
        prepare_run(
            recipe,
            settings=(*settings, f"classes={chosen}"),
            out=runs / f"s{seed}-c{chosen.replace(',', '-')}",
            seed=seed,
            retrain=True,
            resume=True,
            show_forgotten=True,  # a benchmark's picture shows what was forgotten: public data
            **asked,
        )
        for seed in numbers
        for chosen in classes
    ]


def rows_path(page: Path) -> Path:
    """Returns where the rows of a page are kept: beside it, in JSON.

    Raises:
        UnlearningError: if that is no name of a page, such as one whose rows would lie in its place.
    """
    if not page.name or page.is_dir() or page.suffix == ".json":
        raise UnlearningError(f"--page {page} is no name of a page: let it end in .md.")
    return page.with_suffix(".json")


def measure(wanted: Sequence[Run], path: Path, *, recipe: str, command: str) -> Table:
    """Runs and audits what has no row yet, and writes the table after each run.

    Args:
        wanted: the runs.
        path: of the rows.
        recipe: its name.
        command: what measures the rows, as the page says it.

    Raises:
        UnlearningError: if another table is measured into that file, a run cannot be made, or a file cannot be written.
    """
    with locked_file(path, f"{path} is being written by another table: wait for its end, or give another --page."):
        table = Table.read(path, recipe, command)
        for run in wanted:
            if not table.has(run):
                table = table.with_row(_row(audit_run(Finished(run, carry_out(run)), files=False)))
                table.write(path)
        measured = replace(table, spread=spread(wanted, table.spread))
        measured.write(path)
        return measured


def _row(record: Record) -> dict[str, Any]:
    content = record.as_dict()
    audits = {gan: [_told(found) for found in results] for gan, results in record.audits.items()}
    kept = {key: content[key] for key in _KEPT}
    cores = f"{torch.get_num_threads()} of {os.cpu_count()} CPU cores"
    hardware = record.device if record.device != "cpu" else cores
    return {**kept, "versions": dict(record.versions), "hardware": hardware, "audits": audits}


def _key(row: Mapping[str, Any]) -> tuple[list[int], int]:
    return sorted(row["forget"]["classes"]), row["seed"]


def _told(found: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the page tells of an audit's result, and of its details what goals ask for."""
    details = {key: found["details"][key] for key in _ASKED if key in found["details"]}
    return {key: found[key] for key in _TOLD} | ({"details": details} if details else {})
