"""Prints the tables of mnist_items.md from what mnist_items.py and `ignite-unlearn run` have measured.

python docs/benchmarks/mnist_items_tables.py --runs RUNS --results FOLDER

RUNS holds a folder s{seed}-n{items} for each run, FOLDER ablations.jsonl, choices.jsonl and singles.jsonl.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

SEEDS = (0, 1, 2)
Row = dict[str, Any]


def by_seed(values: Sequence[float], form: str = ".2f") -> str:
    """Returns numbers of several seeds in one cell."""
    return " / ".join(format(value, form) for value in values)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table in Markdown."""
    for cells in (header, ["---"] * len(header), *rows):
        print(f"| {' | '.join(cells)} |")
    print()


def main_table(runs: Path) -> None:
    """Prints AUCs, quality and seconds by the number of items."""
    rows = []
    for items in (16, 64, 256):
        records = [json.loads((runs / f"s{seed}-n{items}" / "record.json").read_text()) for seed in SEEDS]

        def of(gan: str, name: str, records: list[Row] = records) -> list[float]:
            return [record["metrics"][gan][name] for record in records]

        ratio = [a / b for a, b in zip(of("unlearned", "fid"), of("original", "fid"), strict=True)]
        rows.append([
            str(items), by_seed(of("original", "membership_auc")), by_seed(of("unlearned", "membership_auc")),
            by_seed(of("unlearned", "membership_auc_later")), by_seed(of("retrained", "membership_auc")),
            by_seed(of("unlearned", "retained_auc")), by_seed(of("unlearned", "probe_auc")),
            by_seed(of("retrained", "probe_auc")), by_seed(ratio, ".3f"),
            by_seed([record["speedup"] for record in records], ".0f"),
        ])  # fmt: skip
    header = ["items", "original", "unlearned", "later", "retrained", "retained images", "probe, unlearned",
              "probe, retrained", "FID ratio", "speed-up"]  # fmt: skip
    table(header, rows)


def singles_table(rows: list[Row]) -> None:
    """Prints where single items lie among unseen scores."""
    cells = []
    for seed in SEEDS:
        found = [row for row in rows if row["seed"] == seed]
        places = {gan: np.array([row[gan] for row in found]) for gan in ("original", "unlearned", "retrained")}
        shown = [f"{at.mean():.2f} (sd {at.std(ddof=1):.2f})" for at in places.values()]
        apart = np.abs(places["unlearned"] - places["retrained"]).mean()
        cells.append([str(seed), str(len(found)), *shown, f"{apart:.2f}",
                      f"{np.mean([row['seconds'] for row in found]):.1f}"])  # fmt: skip
    header = ["seed", "requests", "original", "unlearned", "retrained", "mean distance", "seconds"]
    table(header, cells)


def ways_table(rows: list[Row], first: str) -> None:
    """Prints a line for each way to unlearn, seeds side by side."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[re.sub(r"^\w+ \d+ ", "", row["name"])].append(row)
    names = ("membership_auc", "membership_auc_later", "retained_auc", "probe_auc")
    cells = [
        [
            way, *(by_seed([row[name] for row in ordered]) for name in names),
            by_seed([row["fid_ratio"] for row in ordered], ".3f"),
            by_seed([row["reconstruction_error"] for row in ordered], ".3f"),
            f"{np.mean([row['seconds'] for row in ordered]):.1f}",
        ]
        for way, of_way in found.items()
        for ordered in [sorted(of_way, key=lambda row: row["seed"])]
    ]  # fmt: skip
    header = [first, "items", "items, later", "retained", "probe", "FID ratio", "reconstruction error", "seconds"]
    table(header, cells)


@click.command()
@click.option("--runs", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--results", type=click.Path(path_type=Path, exists=True), required=True)
def main(runs: Path, results: Path) -> None:
    """Print all tables."""
    read = {
        part: [json.loads(line) for line in (results / f"{part}.jsonl").read_text().splitlines()]
        for part in ("singles", "choices", "ablations")
    }
    main_table(runs)
    singles_table(read["singles"])
    ways_table(read["choices"], "substitution x fake label")
    ways_table(read["ablations"], "way")


if __name__ == "__main__":
    main()
