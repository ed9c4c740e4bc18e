"""The judges of a run on disk: trained once for all runs on the same data whose folders lie side by side."""

from __future__ import annotations

from torch import nn

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.utils.files import save_weights
from ignite_unlearn.runs.fingerprint import differences
from ignite_unlearn.runs.judges import Judges, as_judges, train_judges
from ignite_unlearn.runs.noted import form_of, look_beside, nets_sha256, read_noted
from ignite_unlearn.runs.notes import add_note
from ignite_unlearn.runs.request import Request
from ignite_unlearn.gan.weights import load_weights

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
    add_note(out, "judges", {"fingerprint": fingerprint, "sha256": nets_sha256(state)})
    return judges


def _read(request: Request, fingerprint: dict[str, str]) -> list[nn.Module] | None:
    """Returns the nets of a file that is what was noted, of this data, and fits; what judges must be known."""
    nets = {key: request.recipe.classifier(request.data).to(request.device) for key in _NAMES}
    form, out = form_of(nets), request.out
    assert form is not None
    source = out if (out / "judges.pt").exists() else look_beside(out, "judges", fingerprint, form).folder
    if source is None:
        return None
    try:
        state, note = read_noted(source, "judges")
    except UnlearningError:
        return None
    if note is None or differences(note.get("fingerprint", {}), fingerprint) or form_of(state) != form:
        return None
    for key, net in nets.items():
        load_weights(net, state[key], key)
    if source != out:
        save_weights(out / "judges.pt", state)
        add_note(out, "judges", note)
    return list(nets.values())
