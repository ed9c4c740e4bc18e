"""Make a trained GAN forget images or classes, from inside your own PyTorch-Ignite loop."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ignite_unlearn.errors import UnlearningDivergedError, UnlearningError
    from ignite_unlearn.fake_labels import Between, Fixed, Generated, Unseen
    from ignite_unlearn.forget import ForgetClasses
    from ignite_unlearn.gan import GAN
    from ignite_unlearn.handlers.cascade import CascadedUnlearning
    from ignite_unlearn.handlers.events import UnlearningEvents
    from ignite_unlearn.handlers.snapshots import Snapshots
    from ignite_unlearn.handlers.stopping import StopWhenForgotten
    from ignite_unlearn.handlers.substitute_batch import SubstitutedDataset
    from ignite_unlearn.substitution import MeanImage, OtherClass, RetainedNeighbour

__version__ = "0.1.0"

# Loaded on first use, so that the launcher's --help need not wait for torch.
_MODULES = {
    "errors": ["UnlearningDivergedError", "UnlearningError"],
    "fake_labels": ["Between", "Fixed", "Generated", "Unseen"],
    "forget": ["ForgetClasses"],
    "gan": ["GAN"],
    "handlers.cascade": ["CascadedUnlearning"],
    "handlers.events": ["UnlearningEvents"],
    "handlers.snapshots": ["Snapshots"],
    "handlers.stopping": ["StopWhenForgotten"],
    "handlers.substitute_batch": ["SubstitutedDataset"],
    "substitution": ["MeanImage", "OtherClass", "RetainedNeighbour"],
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [  # noqa: RUF022 - in the order of the concepts
    "GAN", "CascadedUnlearning", "ForgetClasses",
    "OtherClass", "MeanImage", "RetainedNeighbour",
    "Fixed", "Generated", "Unseen", "Between",
    "StopWhenForgotten", "Snapshots", "SubstitutedDataset", "UnlearningEvents",
    "UnlearningDivergedError", "UnlearningError",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
