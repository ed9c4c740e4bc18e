"""A finished run, looked at again: its GANs from disk, its numbers measured anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.recipes import RECIPES, load_recipe
from ignite_unlearn.runs.evaluations import judge_all, make_evaluation
from ignite_unlearn.runs.judges import Judges
from ignite_unlearn.runs.kept_judges import kept_judges
from ignite_unlearn.recipes.recipe import as_settings
from ignite_unlearn.runs.request import Request, check_request
from ignite_unlearn.runs.shelf import Shelf
from ignite_unlearn.record.record import GANS, Record
from ignite_unlearn.record.figures import figure
from ignite_unlearn.record.keys import keyed_sha256, read_key


@dataclass(frozen=True)
class Finished:
    """A finished run.

    Attributes:
        request: what it was asked for.
        record: what its record says.
    """

    request: Request
    record: Record

    @classmethod
    def read(
        cls, folder: Path, *, data_root: Path | None = None, device: str | None = None, progress: bool = True
    ) -> Finished:
        """Reads a run folder and the data of its recipe.

        Raises:
            UnlearningError: if it is no folder of a stock recipe, or the data is missing or not what was recorded.
        """
        record = Record.read(folder)
        if record.recipe not in RECIPES:
            raise UnlearningError(
                f"{folder} is of {record.recipe!r}, no stock recipe: measure and audit in the script it came from."
            )
        recipe = load_recipe(record.recipe)
        request = check_request(
            recipe,
            settings=as_settings(recipe, record.method["options"]),
            out=folder,
            seed=record.seed,
            device=device,
            data_root=data_root,
            resume=True,
            progress=progress,
        )
        if "hmac_sha256" not in record.forget:
            raise UnlearningError(
                f"{folder / 'record.json'} was written before records held keyed hashes, and cannot be checked: run "
                "again."
            )
        recorded = record.data["sha256"]
        if recorded is not None and request.data.sha256 != recorded:
            raise UnlearningError(
                f"The data is not what {folder / 'record.json'} was made with (SHA-256 {request.data.sha256[:12]}..., "
                f"recorded {recorded[:12]}...): give --data-root with that data."
            )
        if keyed_sha256(read_key(folder), request.data.images[request.forgotten]) != record.forget["hmac_sha256"]:
            raise UnlearningError(
                f"{folder / 'record.json'} is of another forget set than its options and this data give: "
                "give --data-root with the data of the run."
            )
        return cls(request, record)

    def gans(self) -> dict[str, GAN]:
        """Returns the original, the unlearned and, where there is one, the retrained GAN.

        Raises:
            UnlearningError: if a file is missing, of other nets, or not what it was when the run ended.
        """
        shelf, out = Shelf(self.request), self.request.out
        names = [name for name in GANS if self.record.metrics.get(name) is not None]
        for name in names:  # or the shelf would train it
            if not (out / f"{name}.pt").exists():
                raise UnlearningError(f"{out / name}.pt is not there, and cannot be measured: run again.")
        return {name: shelf.finished(name).gan for name in names}

    def judges(self) -> Judges:
        """Returns the run's judges; trained anew from their own seeds where they are not in its folder."""
        return kept_judges(self.request)

    def measure(self) -> dict[str, dict[str, Any]]:
        """Returns the numbers of all GANs, measured anew; what was seen while the phase ran cannot be."""
        gans = self.gans()
        return judge_all(make_evaluation(self.request, self.judges(), gans["original"]), gans)

    def differences(self, measured: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
        """Returns a table of the recorded and the measured numbers, with a header."""
        rows = [["", "recorded", "measured", "difference"]]
        for gan, numbers in measured.items():
            recorded = self.record.metrics.get(gan) or {}
            for name, value in numbers.items():
                old = recorded.get(name)
                if isinstance(value, (int, float)) and isinstance(old, (int, float)):
                    rows.append([f"{gan}: {figure(name).name}", f"{old:.4g}", f"{value:.4g}", f"{value - old:.1e}"])
        return rows
