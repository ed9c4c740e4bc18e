"""A record to test with."""

from ignite_unlearn.record.phase_facts import read_bound, read_rows_met
from ignite_unlearn.record.record import Record


def record(**changes):
    content = {
        "recipe": "test", "seed": 3, "device": "cpu",
        "data": {"name": "<data>", "train": 10, "unseen": 5, "sha256": "d"},
        "forget": {"kind": "classes", "classes": [3], "count": 2, "hmac_sha256": "f"},
        "method": {"name": "cascade", "substitution": "s", "fake_label": "l", "options": {"classes": [3]}},
        "seconds": {"original": 50.0, "unlearning": 0.5, "retraining": 60.0},
        "iterations": {"original": 100, "unlearning": 4, "retraining": 100},
        "metrics": {
            "original": {"fid": 1.0, "forgotten_share": 1.0},
            "unlearned": {"fid": float("nan"), "forgotten_share": 0.0},
            "retrained": {"fid": 1.1, "forgotten_share": 0.1, "forgotten_share_low": 0.05, "forgotten_share_high": 0.2},
        },
        "feature_extractor": {"name": "net", "sha256": "e", "samples": 7},
        "stopped_because": "it was <done>",
        "limits": ["a limit"],
        "created": "2026-01-02T03:04:05+00:00",
        **changes,
    }  # fmt: skip
    content["bounds"] = tuple(map(read_bound, content.get("bounds", ())))
    content["found"] = read_rows_met(content.get("found", {}))
    return Record(**content)
