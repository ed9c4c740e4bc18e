"""Ignite handlers: what every unlearning phase is, and what goes with one."""

from ignite_unlearn.handlers.average import RestartAverage
from ignite_unlearn.handlers.check import CheckReport
from ignite_unlearn.handlers.curves import Curves
from ignite_unlearn.handlers.events import UnlearningEvents
from ignite_unlearn.handlers.original import Original
from ignite_unlearn.handlers.phase import UnlearningPhase
from ignite_unlearn.handlers.replaced_dataset import ReplacedDataset
from ignite_unlearn.handlers.replay import Replay
from ignite_unlearn.handlers.rows import Rows
from ignite_unlearn.handlers.snapshots import Snapshots
from ignite_unlearn.handlers.stopping import StopWhenForgotten

__all__ = [
    "CheckReport",
    "Curves",
    "Original",
    "ReplacedDataset",
    "Replay",
    "RestartAverage",
    "Rows",
    "Snapshots",
    "StopWhenForgotten",
    "UnlearningEvents",
    "UnlearningPhase",
]
