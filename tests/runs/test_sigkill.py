"""Real processes that SIGKILL ends at random instants: resumed, they come to what one comes to that nobody ended."""

import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ignite_unlearn
from ignite_unlearn.runs.provenance import nets_sha256
from ignite_unlearn.utils.files import read_weights
from tests.runs.test_run import SHORT

RECIPE = """
from dataclasses import replace
from ignite_unlearn.recipes.audit_budget import AuditBudget
from ignite_unlearn.recipes.stock.digits_class import RECIPE
RECIPE = replace(RECIPE, name="tiny", audits=AuditBudget(restarts=2, give_up=2, compared=10))
"""
LAUNCHER = """
import ignite_unlearn.recipes.tasks.instruments as instruments, ignite_unlearn.runs.checkpoints as checkpoints
from ignite_unlearn.cli import main
instruments._EPOCHS, checkpoints._SAVE_EVERY = 1, 0.0
main()
"""
SETTINGS = [part for one in (*SHORT, "later=2,4") for part in ("--set", one)]
TOLD = ("metrics", "curves", "weights_sha256", "bounds", "found", "stopped_because", "iterations", "audits", "scores")


def launch(folder, *args):
    (folder / "tiny.py").write_text(RECIPE)
    package = Path(ignite_unlearn.__file__).parents[1]
    env = {**os.environ, "PYTHONPATH": str(package), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", LAUNCHER, *map(str, args), "--quiet"]
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(folder, *args):
    """Lets a command come to its end, and returns the seconds it took."""
    start = time.perf_counter()
    process = launch(folder, *args)
    said, _ = process.communicate()
    assert process.returncode in (0, 3), said
    return time.perf_counter() - start


def kill(folder, seconds, *args):
    """Kills a command after so many seconds; returns how many were lost, since its begin or the last file it wrote.

    None where it had come to its end.
    """
    began = time.time()
    process = launch(folder, *args)
    try:
        said, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return time.time() - max([began, *(path.lstat().st_mtime for path in folder.rglob("*") if path.is_file())])
    assert process.returncode in (0, 3), said
    return None


def content(folder):
    """Returns what lies in folders of runs, but for what times and keys change."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        found[name] = None
        if path.suffix == ".pt":
            found[name] = nets_sha256(read_weights(path))
        if path.name == "record.json":
            told = json.loads(path.read_text())
            found[name] = {key: told.get(key) for key in TOLD}
        if path.suffix in (".png", ".key"):
            found[name] = path.suffix == ".key" or path.read_bytes()
        if path.name == "page.json":
            rows = json.loads(path.read_text())
            found[name] = [{key: row[key] for key in ("metrics", "audits", "iterations")} for row in rows["rows"]]
            found[name].append(rows["spread"])
        if path.suffix == ".md":  # seconds and speed-ups are of each run
            found[name] = re.sub(r"\d[\d,.]*", "#", path.read_text())
    return found


def kill_at_random(tmp_path, kills, command, begin=lambda folder: None):
    """Kills a command over and over, also while it goes on, until it was killed so often; compares each end."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    drawn = random.Random(seed)
    (tmp_path / "whole").mkdir()
    begin(tmp_path / "whole")
    seconds = finish(tmp_path / "whole", *command)
    whole, lost, ends = content(tmp_path / "whole"), [], 0
    while len(lost) < kills:
        folder = tmp_path / str(ends)
        folder.mkdir()
        begin(folder)
        while len(lost) < kills:
            instant = drawn.uniform(0.3, 1) * seconds
            found = kill(folder, instant, *command)
            if found is None:
                break
            lost.append(found)
            print(f"folder {ends}: killed after {instant:.1f} of {seconds:.1f} s, {found:.1f} s lost: {names(folder)}")
        finish(folder, *command)
        assert content(folder) == whole, (seed, ends)
        ends += 1
    print(f"{kills} kills, {ends} ends, at most {max(lost):.1f} s lost")
    assert max(lost) < 60


def names(folder):
    return sorted({path.name for path in folder.rglob("*") if path.suffix in (".pt", ".json", ".md")})


@pytest.mark.slow
def test_a_run_may_be_killed_at_any_instant(tmp_path):
    kill_at_random(tmp_path, 30, ["run", "./tiny.py", "--out", "run/it", "--retrain", "--resume", *SETTINGS])


@pytest.mark.slow
def test_an_audit_may_be_killed_at_any_instant(tmp_path):
    finish(tmp_path, "run", "./tiny.py", "--out", "run/it", "--retrain", *SETTINGS)

    def begin(folder):
        (folder / "run").mkdir()
        subprocess.run(["cp", "-r", tmp_path / "run" / "it", folder / "run"], check=True)

    kill_at_random(tmp_path, 30, ["audit", "run/it", "--recipe", "./tiny.py"], begin)


@pytest.mark.slow
def test_a_table_may_be_killed_at_any_instant(tmp_path):
    asked = ["--classes", "3", "--seeds", "0,1", "--runs", "runs", "--page", "page.md"]
    kill_at_random(tmp_path, 10, ["table", "./tiny.py", *asked, *SETTINGS])
