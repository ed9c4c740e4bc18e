"""Make a trained GAN forget images or classes, from inside your own PyTorch-Ignite loop."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ignite_unlearn.cascade.cascade import CascadedUnlearning
    from ignite_unlearn.cascade.closed_form import NearestEmbedding
    from ignite_unlearn.cascade.fake_labels import Between, Fixed, Generated, Unseen, UnseenQuantiles
    from ignite_unlearn.cascade.gauss_newton import GaussNewton
    from ignite_unlearn.cascade.latent_substitution import LatentDirection, Truncation
    from ignite_unlearn.cascade.substitution import MeanImage, Noise, OtherClass, RetainedNeighbour
    from ignite_unlearn.errors import UnlearningDivergedError, UnlearningError
    from ignite_unlearn.forget.forget import ForgetClasses
    from ignite_unlearn.forget.image_index import refuse_overlap
    from ignite_unlearn.forget.inversion import Inversion
    from ignite_unlearn.forget.items import ForgetItems
    from ignite_unlearn.gan.gan import GAN
    from ignite_unlearn.handlers.average import RestartAverage
    from ignite_unlearn.handlers.events import UnlearningEvents
    from ignite_unlearn.handlers.replaced_dataset import ReplacedDataset
    from ignite_unlearn.handlers.replay import Replay
    from ignite_unlearn.handlers.snapshots import Snapshots
    from ignite_unlearn.handlers.stopping import StopWhenForgotten
    from ignite_unlearn.record.handler import ErasureRecord

__version__ = "0.1.0"

# Loaded on first use, so that the launcher's --help need not wait for torch.
_MODULES = {
    "cascade.closed_form": ["NearestEmbedding"],
    "forget.image_index": ["refuse_overlap"],
    "errors": ["UnlearningDivergedError", "UnlearningError"],
    "cascade.fake_labels": ["Between", "Fixed", "Generated", "Unseen", "UnseenQuantiles"],
    "forget.forget": ["ForgetClasses"],
    "forget.items": ["ForgetItems"],
    "gan.gan": ["GAN"],
    "cascade.gauss_newton": ["GaussNewton"],
    "cascade.cascade": ["CascadedUnlearning"],
    "handlers.average": ["RestartAverage"],
    "handlers.events": ["UnlearningEvents"],
    "handlers.snapshots": ["Snapshots"],
    "handlers.stopping": ["StopWhenForgotten"],
    "handlers.replaced_dataset": ["ReplacedDataset"],
    "forget.inversion": ["Inversion"],
    "cascade.latent_substitution": ["LatentDirection", "Truncation"],
    "record.handler": ["ErasureRecord"],
    "handlers.replay": ["Replay"],
    "cascade.substitution": ["MeanImage", "Noise", "OtherClass", "RetainedNeighbour"],
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [  # noqa: RUF022 - in the order of the concepts
    "GAN", "CascadedUnlearning", "ForgetClasses", "ForgetItems", "Inversion",
    "OtherClass", "MeanImage", "RetainedNeighbour", "LatentDirection", "Truncation", "Noise",
    "Fixed", "Generated", "Unseen", "UnseenQuantiles", "Between", "GaussNewton", "NearestEmbedding",
    "StopWhenForgotten", "RestartAverage", "Snapshots", "ErasureRecord", "ReplacedDataset", "Replay", "refuse_overlap",
    "UnlearningEvents",
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
