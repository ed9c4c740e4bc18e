"""The erasure record: what was forgotten, how well, how fast against retraining, and what is not guaranteed."""

from ignite_unlearn.record.figures import FIGURES, Figure, figure
from ignite_unlearn.record.folder import verify, write_record
from ignite_unlearn.record.handler import ErasureRecord
from ignite_unlearn.record.phase_facts import Bound, RowsMet
from ignite_unlearn.record.record import Record
from ignite_unlearn.record.scores import score_histogram
from ignite_unlearn.record.verdict import Verdict

__all__ = [
    "FIGURES", "Bound", "ErasureRecord", "Figure", "Record", "RowsMet", "Verdict", "figure", "score_histogram",
    "verify", "write_record",
]  # fmt: skip
