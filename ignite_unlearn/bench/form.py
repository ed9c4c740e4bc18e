"""The form of a benchmark's rows in JSON: what is read must be of it, so that the page can be written of it."""

from __future__ import annotations

from typing import Any

from ignite_unlearn.record.form import NUMBERS
from ignite_unlearn.utils.json_files import ByName, Form, ListOf

_NUMBER = (float, None)
_AUDIT = {
    "audit": str, "key?": str, "unit": str, "value": _NUMBER, "low": _NUMBER, "high": _NUMBER,
    "passed": (bool, None), "details?": {"iterations?": ListOf(Any), "not_reached?": int},
}  # fmt: skip
_METRICS = (NUMBERS, None)
_ROW = {
    "seed": int,
    "hardware": str,
    "versions": {"torch": str},
    "data": {"name": str, "train": int, "sha256": (str, None)},
    "forget": {"classes": ListOf(int)},
    "method": {"options": ByName(Any)},
    "seconds": {"original": _NUMBER, "unlearning": _NUMBER, "retraining": _NUMBER},
    "iterations": {"unlearning": (int, None)},
    "speedup": _NUMBER,
    "metrics": {"original": _METRICS, "unlearned": _METRICS, "retrained": _METRICS},
    "audits": ByName(ListOf(_AUDIT)),
}
TABLE: Form = {
    "recipe": str,
    "command": str,
    "rows": ListOf(_ROW),
    "spread": ListOf({"classes": ListOf(int), "seeds": ListOf(int), "fid": float}),
}
