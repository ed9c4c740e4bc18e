"""The launcher in several processes: the first one works, and all end as it does."""

import json
import os
import socket
import subprocess
import sys

import pytest

from tests.cli.test_cli import ROOT, SHORT


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def in_processes(n, *args):
    """Returns status, output and errors of each of ``n`` processes that know of each other as under torchrun."""
    known = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port(), "WORLD_SIZE": str(n)}
    command = [sys.executable, "-m", "ignite_unlearn", *map(str, args)]
    started = [
        subprocess.Popen(
            command, env={**known, "RANK": str(rank)}, cwd=ROOT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for rank in range(n)
    ]  # fmt: skip
    told = [process.communicate(timeout=300) for process in started]
    return [(process.returncode, *said) for process, said in zip(started, told, strict=True)]


def test_one_process_speaks():
    first, other = in_processes(2, "show", "digits-class")
    assert first[0] == other[0] == 0
    assert "digits-class" in first[1] and other[1] == ""


def test_all_end_with_the_status_of_the_first():
    first, other, third = in_processes(3, "show", "nothing-of-the-kind")
    assert first[0] == other[0] == third[0] == 2
    assert first[2].startswith("Error: ") and other[2] == ""


@pytest.mark.slow
def test_a_run_under_torchrun_leaves_one_record(tmp_path):
    out = tmp_path / "run"
    said = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", free_port()),
            *("-m", "ignite_unlearn", "run", "digits-class", "--out", out, "--device", "cpu", "--quiet", *SHORT),
        ],
        capture_output=True, text=True, check=True, cwd=ROOT,
    ).stdout  # fmt: skip
    assert said.count("picture: ") == 1
    assert json.loads((out / "record.json").read_text())["recipe"] == "digits-class"
    assert sorted(p.name for p in out.glob("record*")) == ["record.html", "record.json"]
