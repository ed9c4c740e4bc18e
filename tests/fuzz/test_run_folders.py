"""The files of a run folder, stages.json first, as anybody may have left them there."""

import json
import os
from typing import NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ignite_unlearn import UnlearningError
from ignite_unlearn.recipes import load_recipe
from ignite_unlearn.runs import instruments, pipeline
from ignite_unlearn.runs.finished import Finished
from ignite_unlearn.runs.progress import QUIET
from ignite_unlearn.runs.provenance import add_note
from ignite_unlearn.runs.run import prepare_run
from tests.cli.test_cli import SHORT
from tests.fuzz.judged import judged, launched
from tests.fuzz.values import JSON, changed, changes, corrupted, json_bytes, places

WEIGHTS = ("original.pt", "unlearned.pt", "retrained.pt", "judges.pt")
FILES = (
    *WEIGHTS,
    "unlearned.safetensors",
    "forget.key",
    "samples.png",
    "record.html",
    "record.json",
    "stages.json",
    "original.checkpoint.pt",
    "retrained.checkpoint.pt",
)
SETTINGS = (*(part for part in SHORT if part != "--set"), "later=1")


@pytest.fixture(scope="module", autouse=True)
def untrained():
    """What is made again is made of nets that nobody trains."""

    def refuse(*args, **kwargs):
        raise UnlearningError("It would be trained anew.")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(instruments, "train_instruments", refuse)
        yield


def prepared(folder):
    return prepare_run(
        load_recipe("digits-class"), settings=SETTINGS, out=folder, device="cpu", resume=True, progress=QUIET
    )


def looks(folder):
    """Returns all that looks at a run folder."""
    return [
        lambda: launched("report", folder, "--verify"),
        lambda: launched("weights", folder / "unlearned.pt"),
        lambda: launched("weights", folder / "unlearned.safetensors"),
        lambda: launched("weights", folder / "judges.pt"),
        lambda: launched("evaluate", folder, "--device", "cpu", "--quiet"),
        lambda: launched("run", "digits-class", "--dry-run", "--out", folder, "--resume"),
        lambda: launched(
            "run", "digits-class", "--dry-run", "--out", folder.parent / "beside", *SHORT, "--set", "later=1"
        ),
        lambda: judged(lambda: Finished.read(folder, device="cpu", progress=QUIET).gans()),
        lambda: judged(lambda: pipeline.original_of(prepared(folder))),
        lambda: judged(lambda: pipeline.retrained_of(prepared(folder))),
        lambda: judged(lambda: pipeline.instruments_of(prepared(folder))),
        lambda: judged(lambda: add_note(folder, "original", {})),
    ]


LOOKS = st.integers(0, 11)


@pytest.mark.fuzz
@given(data=st.data(), look=LOOKS)
def test_notes_are_read_or_refused(copied, finished_run, data, look):
    folder, whole = copied(), json.loads((finished_run / "stages.json").read_text())
    content = data.draw(json_bytes(whole))
    (folder / "stages.json").unlink()
    (folder / "stages.json").write_bytes(content)
    if data.draw(st.booleans()):  # an original of which only the note tells
        (folder / "original.pt").unlink()
    looks(folder)[look]()


@pytest.mark.fuzz
@given(data=st.data(), name=st.sampled_from(FILES), look=LOOKS)
def test_files_of_any_bytes_are_read_or_refused(copied, finished_run, data, name, look):
    folder, path = copied(), finished_run / name
    whole = path.read_bytes() if path.exists() else (finished_run / "original.pt").read_bytes()
    (folder / name).unlink(missing_ok=True)
    kind = data.draw(st.sampled_from(["bytes"] * 5 + ["folder", "pipe", "loop", "nowhere", "device"]))
    if kind == "bytes":
        (folder / name).write_bytes(data.draw(corrupted(whole)))
    elif kind == "folder":
        (folder / name).mkdir()
    elif kind == "pipe":
        os.mkfifo(folder / name)
    else:
        (folder / name).symlink_to({"loop": name, "nowhere": "none", "device": "/dev/zero"}[kind])
    looks(folder)[look]()


class Odd(NamedTuple):
    """A tensor that nobody expects; made when it is needed, so that reports stay short."""

    name: str

    def make(self):
        return {
            "scalar": lambda: torch.zeros(()),
            "empty": lambda: torch.zeros(0),
            "whole": lambda: torch.zeros(3, dtype=torch.int64),
            "nan": lambda: torch.full((2, 2), float("nan")),
            "sparse": lambda: torch.zeros(2, 2).to_sparse(),
            "meta": lambda: torch.zeros(4, device="meta"),
            "complex": lambda: torch.zeros(2, dtype=torch.complex64),
            "huge": lambda: torch.zeros(1).expand(10**12),
            "bool": lambda: torch.zeros(3, dtype=torch.bool),
            "jagged": lambda: torch.zeros(2, 3).t(),
        }[self.name]()


ODD = st.sampled_from(list(map(Odd, ("scalar", "empty", "whole", "nan", "sparse", "meta", "complex", "huge", "bool"))))


@pytest.mark.fuzz
@given(data=st.data(), name=st.sampled_from((*WEIGHTS, "original.checkpoint.pt")), look=LOOKS)
def test_weights_of_any_form_are_read_or_refused(copied, finished_run, data, name, look):
    folder = copied()
    (folder / name).unlink(missing_ok=True)
    source = name if name in WEIGHTS else "original.pt"
    whole = {key: dict(state) for key, state in torch.load(finished_run / source, weights_only=True).items()}
    if name not in WEIGHTS:
        (folder / "original.pt").unlink()
        note = json.loads((finished_run / "stages.json").read_text())["original"]["fingerprint"]
        whole |= {"trainer": {"epoch_length": 4}, "clock": {"seconds": 1.0}, "stream": {"torch": torch.get_rng_state()}}
        whole |= {"made_by": note}
    content = changed(whole, data.draw(changes(JSON | ODD)))
    torch.save(content, folder / name)
    if data.draw(st.booleans()):  # nobody noted what it was
        notes = json.loads((finished_run / "stages.json").read_text())
        notes.pop(name.partition(".")[0], None)
        (folder / "stages.json").unlink()
        (folder / "stages.json").write_text(json.dumps(notes))
    looks(folder)[look]()


def test_places_reaches_what_lies_deep():
    assert ("a", 0, "b") in set(places({"a": [{"b": 1}]}))
