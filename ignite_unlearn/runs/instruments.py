"""The instruments of a run on disk: trained once for all runs on the same data whose folders lie side by side."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import torch

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.weights import load_weights
from ignite_unlearn.metrics.classifier import ClassifierTraining
from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.recipes.nets.classifier import FeatureClassifier
from ignite_unlearn.recipes.tasks.instruments import (
    JUDGES,
    Instruments,
    MakeClassifier,
    as_instruments,
    train_instruments,
)
from ignite_unlearn.runs.checkpoints import Checkpoints, checkpoint_path
from ignite_unlearn.runs.progress import BARS, Progress
from ignite_unlearn.runs.provenance import (
    Fingerprint,
    add_note,
    form_of,
    made_alike_beside,
    nets_sha256,
    read_noted,
)
from ignite_unlearn.utils.files import save_weights

logger = logging.getLogger(__name__)

_FILE = "judges"  # .pt


def kept_instruments(
    folder: Path,
    data: ImageData,
    make: MakeClassifier,
    *,
    name: str,
    data_sha256: str,
    resume: bool = False,
    progress: Progress = BARS,
) -> Instruments:
    """Returns the instruments of a run: from its folder or one beside it where they are there, else trained and kept.

    While they are trained, each has a checkpoint of its own.

    Args:
        folder: of the run.
        data: the real images.
        make: makes an untrained classifier.
        name: of the recipe.
        data_sha256: the hash of the data.
        resume: whether to go on from checkpoints.
        progress: what is shown meanwhile.

    Raises:
        UnlearningError: if the file cannot be written, or a checkpoint is of other judges.
        KeyboardInterrupt: if a signal asks for the end, once the checkpoint is saved.
    """
    fingerprint = Fingerprint({"recipe": name, "data": data_sha256})
    found = _read(folder, data, make, fingerprint)
    if found is not None:
        instruments = as_instruments(*found, data, make, name)
    else:
        logger.info("The classifiers that measure are trained.")
        train = partial(_train, folder, fingerprint, resume=resume, progress=progress)
        instruments = train_instruments(data, make, name, train=train)
        nets = dict(zip(JUDGES, (instruments.guide, instruments.classifier), strict=True))
        state = {judge: net.state_dict() for judge, net in nets.items()}
        save_weights(folder / f"{_FILE}.pt", state)
        add_note(folder, _FILE, {"fingerprint": fingerprint.as_note(), "sha256": nets_sha256(state)})
    for judge in JUDGES:  # where they were found too: a run may have ended here
        checkpoint_path(folder, judge).unlink(missing_ok=True)
    return instruments


def _train(
    folder: Path, made_by: Fingerprint, judge: str, training: ClassifierTraining, *, resume: bool, progress: Progress
) -> None:
    engine, title = training.engine, f"judge ({judge})"
    checkpoints = Checkpoints(checkpoint_path(folder, judge), training.state_objects(), made_by)
    if resume:
        checkpoints.load()
    with checkpoints.saving(engine), progress.of(engine, training.iterations, title):
        training.run()


def _read(
    folder: Path, data: ImageData, make: MakeClassifier, fingerprint: Fingerprint
) -> tuple[FeatureClassifier, FeatureClassifier] | None:
    """Returns the nets of a file that is what was noted, of this data, and fits; what measures must be known."""
    with torch.random.fork_rng(devices=[]):
        nets = {key: make(data).to(data.images.device) for key in JUDGES}
    form = form_of(nets)
    assert form is not None
    there = (folder / f"{_FILE}.pt").exists()
    source = folder if there else made_alike_beside(folder, _FILE, fingerprint, form).folder
    if source is None:
        return None
    try:
        state, note = read_noted(source, _FILE)
    except UnlearningError:
        return None
    if note is None or fingerprint.differences(note.get("fingerprint", {})) or form_of(state) != form:
        return None
    for key, net in nets.items():
        load_weights(net, state[key], key)
    logger.info("The classifiers that measure are taken from %s.", source / f"{_FILE}.pt")
    if source != folder:
        save_weights(folder / f"{_FILE}.pt", state)
        add_note(folder, _FILE, note)
    guide, classifier = nets.values()
    return guide, classifier
