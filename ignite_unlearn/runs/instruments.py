"""The instruments of a run on disk: trained once for all runs on the same data whose folders lie side by side."""

from __future__ import annotations

import logging
from pathlib import Path

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.weights import load_weights
from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.recipes.nets.classifier import FeatureClassifier
from ignite_unlearn.recipes.tasks.instruments import Instruments, MakeClassifier, as_instruments, train_instruments
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

_NAMES = ("guide", "classifier")
_FILE = "judges"  # .pt


def kept_instruments(
    folder: Path, data: ImageData, make: MakeClassifier, *, name: str, data_sha256: str, progress: bool = True
) -> Instruments:
    """Returns the instruments of a run: from its folder or one beside it where they are there, else trained and kept.

    Args:
        folder: of the run.
        data: the real images.
        make: makes an untrained classifier.
        name: of the recipe.
        data_sha256: the hash of the data.
        progress: whether to show a bar.

    Raises:
        UnlearningError: if the file cannot be written.
    """
    fingerprint = Fingerprint({"recipe": name, "data": data_sha256})
    found = _read(folder, data, make, fingerprint)
    if found is not None:
        return as_instruments(*found, data, make, name)
    logger.info("The classifiers that measure are trained.")
    made = train_instruments(data, make, name, progress=progress)
    state = {key: net.state_dict() for key, net in zip(_NAMES, (made.guide, made.classifier), strict=True)}
    save_weights(folder / f"{_FILE}.pt", state)
    add_note(folder, _FILE, {"fingerprint": fingerprint.as_note(), "sha256": nets_sha256(state)})
    return made


def _read(
    folder: Path, data: ImageData, make: MakeClassifier, fingerprint: Fingerprint
) -> tuple[FeatureClassifier, FeatureClassifier] | None:
    """Returns the nets of a file that is what was noted, of this data, and fits; what measures must be known."""
    nets = {key: make(data).to(data.images.device) for key in _NAMES}
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
