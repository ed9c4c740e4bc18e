"""The judges of a run on disk: trained once for all runs on the same data whose folders lie side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from ignite_unlearn.files import read_weights, save_weights
from ignite_unlearn.metrics.features import tensors_sha256
from ignite_unlearn.recipes.judges import Judges, as_judges, train_judges
from ignite_unlearn.recipes.notes import add_note, kept_beside, read_notes
from ignite_unlearn.recipes.request import Request
from ignite_unlearn.weights import load_weights

_NAMES = ("guide", "classifier")


def kept_judges(request: Request) -> Judges:
    """Returns the judges of a run: from its folder or one beside it where they are there, else trained and kept.

    Raises:
        UnlearningError: if the file cannot be written.
    """
    recipe, data, out = request.recipe, request.data, request.out
    fingerprint = {"recipe": recipe.name, "data": data.sha256}
    found = _read(request, fingerprint)
    if found is not None:
        return as_judges(found[0], found[1], data, recipe.classifier, recipe.name)
    judges = train_judges(data, recipe.classifier, recipe.name, progress=request.progress)
    state = {key: net.state_dict() for key, net in zip(_NAMES, (judges.guide, judges.classifier), strict=True)}
    save_weights(out / "judges.pt", state)
    add_note(out, "judges", {"fingerprint": fingerprint, "sha256": _sha256(state)})
    return judges


def _read(request: Request, fingerprint: dict[str, str]) -> list[nn.Module] | None:
    source = request.out if (request.out / "judges.pt").exists() else kept_beside(request.out, "judges", fingerprint)
    note = read_notes(source).get("judges", {}) if source is not None else {}
    if source is None or note.get("fingerprint") != fingerprint:
        return None
    state = read_weights(source / "judges.pt")
    if note.get("sha256") != _sha256(state):  # somebody else's file: what judges must be known
        return None
    nets = [request.recipe.classifier(request.data).to(request.device) for _ in _NAMES]
    for net, key in zip(nets, _NAMES, strict=True):
        load_weights(net, state[key], key)
    if source != request.out:
        save_weights(request.out / "judges.pt", state)
        add_note(request.out, "judges", note)
    return nets


def _sha256(state: Mapping[str, Any]) -> str | None:
    if not all(isinstance(state.get(key), dict) for key in _NAMES):
        return None
    return tensors_sha256(*(tensor for key in _NAMES for tensor in state[key].values()))
