"""A finished run, looked at again: its GANs from disk, its numbers measured anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.recipes import load_recipe, stock_recipes
from ignite_unlearn.recipes.recipe import Recipe, as_settings
from ignite_unlearn.recipes.tasks.instruments import Instruments
from ignite_unlearn.record.figures import figure
from ignite_unlearn.record.keys import keyed_sha256, read_key
from ignite_unlearn.record.ledger import entry_of
from ignite_unlearn.record.record import GANS, Record
from ignite_unlearn.runs.earlier import Earlier
from ignite_unlearn.runs.folder import RunFolder
from ignite_unlearn.runs.pipeline import JUDGED, instruments_of, measure_all
from ignite_unlearn.runs.progress import BARS, Progress
from ignite_unlearn.runs.run import Run, prepare_run


@dataclass(frozen=True)
class Finished:
    """A finished run.

    Attributes:
        run: what was asked for.
        record: what its record says.
    """

    run: Run
    record: Record

    @classmethod
    def read(
        cls,
        folder: Path,
        *,
        recipe: str | None = None,
        data_root: Path | None = None,
        device: str | None = None,
        progress: Progress = BARS,
    ) -> Finished:
        """Reads a run folder and the data of its recipe.

        Args:
            folder: of the run.
            recipe: file or module of the run's recipe, where it is none of the stock; it is run. A record alone never
                makes code run.
            data_root: folder of the data.
            device: where the GANs are put.
            progress: what is shown while its files are made or measured.

        Raises:
            UnlearningError: if it is no folder of a recipe's run, the recipe or the data is missing, or it is another
                than what was recorded.
        """
        record = Record.read(folder)
        if not isinstance(record.method.get("options"), Mapping):  # of a script
            raise UnlearningError(
                f"{folder / 'record.json'} tells of no options, as a recipe's run writes them: run again."
            )
        found = _recipe_of(record, folder, recipe)
        run = prepare_run(
            found,
            settings=as_settings(found, record.method["options"]),
            out=folder,
            seed=record.seed,
            device=device,
            data_root=data_root,
            resume=True,
            progress=progress,
            earlier=Earlier.in_folder(folder),
        )
        if "hmac_sha256" not in record.forget:
            raise UnlearningError(
                f"{folder / 'record.json'} was written before records held keyed hashes, and cannot be checked: run "
                "again."
            )
        recorded = record.data.get("sha256")
        if recorded is not None and run.data_sha256 != recorded:
            raise UnlearningError(
                f"The data is not what {folder / 'record.json'} was made with (SHA-256 {run.data_sha256[:12]}..., "
                f"recorded {recorded[:12]}...): give --data-root with that data."
            )
        if keyed_sha256(read_key(folder), run.split.forget[0]) != record.forget["hmac_sha256"]:
            raise UnlearningError(
                f"{folder / 'record.json'} is of another forget set than its options and this data give: "
                "give --data-root with the data of the run."
            )
        return cls(run, record)

    def as_earlier(self) -> Earlier:
        """Returns what a run after this one must hold down: this run's request, and those before it."""
        run = self.run
        key, entries = read_key(run.out), run.earlier.entries
        images = run.split.requests[-1][0] if run.recipe.task.kind == "items" else None
        return Earlier((*entries, entry_of(run.out, entries, key, images)), key, run.out)

    def gans(self) -> dict[str, GAN]:
        """Returns the original, the unlearned and, where there is one, the retrained GAN.

        Raises:
            UnlearningError: if a file is missing, of other nets, or not what it was when the run ended.
        """
        run, folder = self.run, RunFolder(self.run.out)
        made = {stage.name: stage.fingerprint for stage in (run.original, run.retrained)}
        names = [name for name in GANS if self.record.metrics.get(name) is not None]
        return {name: folder.finished(name, run.new_gan(), made.get(name)).gan for name in names}

    def instruments(self) -> Instruments:
        """Returns what the run measures with; trained from their own seeds where its folder holds none."""
        return instruments_of(self.run)

    def measure(self) -> dict[str, dict[str, Any]]:
        """Returns the numbers of all GANs, measured anew; what was seen while the phase ran cannot be."""
        gans, recipe = self.gans(), self.run.recipe
        evaluation = recipe.task.evaluation(
            self.instruments(), self.run.split, gans["original"], samples=recipe.samples, seed=JUDGED
        )
        return measure_all(evaluation, gans)

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


def _recipe_of(record: Record, folder: Path, named: str | None) -> Recipe:
    """Returns the recipe of a record: a stock one by its name, a user's only from where the user says."""
    source = record.method.get("recipe_from")
    if named is None and source is not None:
        where = f"./{source}" if str(source).endswith(".py") else source
        raise UnlearningError(
            f"{folder} is of a recipe of your own, {record.recipe!r} of {source}, and a record makes no code run: say "
            f"where that is, such as --recipe {where}."
        )
    if named is None and record.recipe not in stock_recipes():
        raise UnlearningError(
            f"{folder} is of {record.recipe!r}, no stock recipe: measure and audit in the script it came from, or say "
            "which with --recipe."
        )
    found = load_recipe(record.recipe if named is None else named)
    if found.name != record.recipe:
        raise UnlearningError(
            f"{folder} is of the recipe {record.recipe!r}, but {named} holds {found.name!r}: a run is gone on from, "
            "and looked at, by its own recipe."
        )
    return found
