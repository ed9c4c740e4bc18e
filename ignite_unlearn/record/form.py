"""The form of ``record.json``: what is read must be of it, so that whatever is told of a record can be told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ignite_unlearn.record.figures import FIGURES
from ignite_unlearn.utils.json_files import ByName, Form, ListOf, misfit

_LISTED = [key for figure in FIGURES.values() for key in (figure.key, *figure.ends)]
# Of a GAN: what tables tell are numbers; others may be parted, such as by class.
NUMBERS = ByName(
    (float, ByName((float, None)), None),
    known={**dict.fromkeys(_LISTED, (float, None)), "feature_extractor": (ByName(Any), None)},
)
AUDIT = {
    "audit": str, "key?": str, "unit?": str, "value?": float, "low?": float, "high?": float, "passed": (bool, None),
    "verdict": str, "details?": ByName(Any),
}  # fmt: skip
_BOUND = {
    "name": str, "value?": float, "at_most?": float, "at_least?": float, "of_substitutes?": float,
    "of_original?": float, "of_chance?": float, "lasted?": bool,
}  # fmt: skip
RECORD: Form = {
    "recipe": str,
    "seed": int,
    "device": str,
    "data": {"name?": str, "train?": int, "unseen?": int, "sha256?": str},
    "forget": {
        "kind": str,
        "classes?": ListOf((int, str)),
        "names?": ListOf(str),
        "count?": int,
        "hmac_sha256?": str,
        "earlier_requests?": int,
    },
    "method": {"recipe_from?": str, "options?": ByName(Any)},
    "seconds": ByName((float, None)),
    "iterations": ByName((int, None)),
    "metrics": ByName((NUMBERS, None)),
    "stopped_because": str,
    "limits": ListOf(str),
    "audits?": ByName(ListOf(AUDIT)),
    "scores?": ByName(ByName(ListOf(float))),
    "curves?": ByName({"iteration": ListOf(float), "value": ListOf(float)}),
    "bounds?": ListOf(_BOUND),
    "found?": {"rows?": int, "items?": int, "of?": int, "asked?": int},
    "created?": str,
    "request?": {"id?": str, "asked_by?": str, "run_by?": str},
    "weights_sha256?": str,
    "generator_sha256?": str,
    "page_sha256?": str,
    "files?": ByName(str),
    "versions": ByName(str),
}


def misfit_of_record(content: Any) -> str | None:
    """Returns what in the content of ``record.json`` is not as records have it, in words; None where all is.

    Example:
        >>> misfit_of_record({"recipe": 3})
        'it.recipe is a whole number: expected a text'
    """
    return misfit(content, RECORD) or next(_misfits_of_charts(content), None)


def _misfits_of_charts(content: Mapping[str, Any]) -> Iterator[str]:
    for name, curve in (content.get("curves") or {}).items():
        if len(curve["iteration"]) != len(curve["value"]):
            yield f"it.curves.{name} has {len(curve['iteration'])} iterations, but {len(curve['value'])} values"
    kinds = None
    for gan, found in (content.get("scores") or {}).items():
        edges, counts = found.get("edges", []), {kind: values for kind, values in found.items() if kind != "edges"}
        if any(len(values) + 1 != len(edges) for values in counts.values()) or edges != sorted(edges):
            yield f"it.scores.{gan} is no histogram: expected ascending edges, one more than counts of each kind"
        kinds = kinds or counts.keys()
        if not counts or counts.keys() != kinds:
            yield f"it.scores.{gan} has other kinds of images than the others, or none"
