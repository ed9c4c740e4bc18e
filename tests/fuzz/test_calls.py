"""Calls of the library with arguments that nobody expects."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ignite.exceptions import NotComputableError
from torch import nn

from ignite_unlearn import (
    GAN,
    ErasureRecord,
    ForgetClasses,
    ForgetItems,
    ReplacedDataset,
    Replay,
    Snapshots,
    StopWhenForgotten,
    audits,
    metrics,
)
from ignite_unlearn.cascade import Between, Fixed, Generated, OtherClass, Truncation, Unseen, UnseenQuantiles
from tests.fuzz.judged import judged
from tests.fuzz.part_calls import PARTS
from tests.fuzz.toys import FEATURES, SCORES, gan, nets, of_gan, phase, shown, somewhere, trained

ODD = {
    "None": lambda: None,
    "text": lambda: "x",
    "bytes": lambda: b"x",
    "minus": lambda: -1,
    "nothing": lambda: 0,
    "half": lambda: 2.5,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "true": lambda: True,
    "list": list,
    "pair": lambda: (1, 2),
    "dict": lambda: {"a": 1},
    "object": object,
    "type": lambda: int,
    "call": lambda: lambda *args, **kwargs: None,
    "array": lambda: np.zeros(3),
    "scalar": lambda: torch.tensor(1.0),
    "empty": lambda: torch.zeros(0),
    "none of 4": lambda: torch.zeros(0, 1, 4, 4),
    "row": lambda: torch.zeros(3),
    "nans": lambda: torch.full((8, 1, 4, 4), float("nan")),
    "other": lambda: torch.zeros(8, 3, 5, 5),
    "whole": lambda: torch.zeros(8, 1, 4, 4, dtype=torch.int64),
    "complex": lambda: torch.zeros(8, 1, 4, 4, dtype=torch.complex64),
    "sparse": lambda: torch.zeros(8, 4).to_sparse(),
    "meta": lambda: torch.zeros(8, 1, 4, 4, device="meta"),
    "net": lambda: nn.Linear(1, 1),
    "surrogate": lambda: "\ud800",
    "a million millions": lambda: 10**12,
    "more than any": lambda: 10**30,
}


# Name: the call, its arguments as they should be, and what is done with what it returns.
CALLS = {
    **PARTS,
    "GAN": (
        GAN,
        lambda: {
            "generator": nets()[0],
            "discriminator": nets()[1],
            "latents": (16,),
            "labels": 3,
            "scores": "logits",
            "image": 0,
            "label": 1,
            "generate": None,
            "discriminate": None,
            "trained": None,
        },
        of_gan,
    ),
    "ForgetClasses": (
        ForgetClasses,
        lambda: {"classes": {2}, "classifier": None, "pool": 8},
        lambda made: made.regions(gan()),
    ),
    "ForgetItems": (
        ForgetItems,
        lambda: {
            "images": shown(2),
            "labels": torch.tensor([0, 1]),
            "unseen": shown(9),
            "neighbourhood": 0.2,
            "inversion": None,
            "search": None,
            "augmented": False,
        },
        lambda made: made.rows(shown(), None),
    ),
    "CascadedUnlearning": (
        phase,
        lambda: {
            "gan": gan(),
            "forget": ForgetClasses({2}),
            "unseen": shown(20),
            "substitution": OtherClass(),
            "fake_label": Fixed(-1.0),
            "optimizer": None,
            "anchor": 1.0,
            "batch_size": 4,
            "generator_steps": 1,
            "discriminator_step": None,
            "start": None,
            "every": 1,
            "max_iterations": 2,
            "seed": 0,
            "metrics_prefix": "unlearning/",
        },
        trained,
    ),
    "StopWhenForgotten": (
        StopWhenForgotten,
        lambda: {
            "unlearning": phase(),
            "measure": lambda gan: {"fid": 1.0},
            "at_most": {"fid": 1.0},
            "at_least": None,
            "every": 1,
            "patience": 1,
            "released": None,
            "keep": (),
        },
        lambda made: trained(made.unlearning or phase(), made),
    ),
    "Snapshots": (
        Snapshots,
        lambda: {"gan": gan(), "path": somewhere() / "a.png", "columns": 2, "value_range": (-1, 1), "seed": 0},
        lambda made: trained(phase(), made),
    ),
    "Replay": (
        Replay,
        lambda: {
            "gan": gan(),
            "forget": ForgetClasses({2}),
            "like": (shown(4), torch.zeros(4, dtype=torch.int64)),
            "batches": 2,
            "seed": 0,
        },
        list,
    ),
    "ReplacedDataset": (
        ReplacedDataset,
        lambda: {
            "dataset": torch.utils.data.TensorDataset(shown(5), torch.arange(5)),
            "indices": {3},
            "images": shown(2),
            "labels": torch.tensor([0, 1]),
            "form": None,
        },
        lambda made: (made[3], made[0]),
    ),
    "ErasureRecord": (
        ErasureRecord,
        lambda: {
            "unlearning": phase(),
            "folder": somewhere(),
            "measure": lambda gan: {"fid": 1.0},
            "released": None,
            "retrained": None,
            "retraining_seconds": 1.0,
            "audits": (),
            "scores": {"unseen": (shown(4), torch.zeros(4, dtype=torch.int64))},
            "extractor": None,
            "samples": 3,
            "name": "n",
            "data": {"name": "d"},
            "limits": ("l",),
            "request_id": "r",
            "asked_by": "a",
            "run_by": "b",
        },
        lambda made: trained(made._unlearning, made),
    ),
    "Unseen": (
        Unseen,
        lambda: {"images": shown(), "labels": torch.zeros(8, dtype=torch.int64), "live": True, "samples": 4},
        lambda made: trained(phase(fake_label=made)),
    ),
    "UnseenQuantiles": (
        UnseenQuantiles,
        lambda: {"images": shown(), "labels": torch.zeros(8, dtype=torch.int64), "live": True, "seed": 0},
        lambda made: trained(phase(fake_label=made)),
    ),
    "Generated": (
        Generated,
        lambda: {"below": 0.0, "live": True, "samples": 4},
        lambda made: trained(phase(fake_label=made)),
    ),
    "Fixed": (Fixed, lambda: {"score": 1.0}, lambda made: trained(phase(fake_label=made))),
    "Between": (
        Between,
        lambda: {"low": Fixed(0.0), "high": Fixed(1.0), "weight": 0.5},
        lambda made: trained(phase(fake_label=made)),
    ),
    "Truncation": (Truncation, lambda: {"psi": 0.5, "samples": 8}, lambda made: trained(phase(substitution=made))),
    "feature_distance": (metrics.feature_distance, lambda: {"features": FEATURES(), "others": FEATURES() + 1}, float),
    "kernel_distance": (
        metrics.kernel_distance,
        lambda: {"features": FEATURES(), "others": FEATURES() + 1},
        lambda made: made.interval(),
    ),
    "frechet_distance": (
        metrics.frechet_distance,
        lambda: {"mean": np.zeros(3), "covariance": np.eye(3), "other_mean": np.ones(3), "other_covariance": np.eye(3)},
        float,
    ),
    "density_and_coverage": (
        metrics.density_and_coverage,
        lambda: {"generated": FEATURES(), "real": FEATURES(), "k": 3},
        list,
    ),
    "relative_mmd": (
        metrics.relative_mmd,
        lambda: {"features": FEATURES(), "near": FEATURES(), "far": FEATURES() + 1},
        lambda made: made.interval(),
    ),
    "auc": (metrics.auc, lambda: {"members": SCORES(), "unseen": SCORES()}, float),
    "bootstrap": (
        metrics.bootstrap,
        lambda: {"members": SCORES(), "unseen": SCORES(), "level": 0.9, "draws": 10, "seed": 0},
        list,
    ),
    "wilson": (metrics.wilson, lambda: {"hits": 1, "trials": 3, "level": 0.9}, list),
    "normal_interval": (metrics.normal_interval, lambda: {"values": SCORES(), "level": 0.9}, list),
    "FeatureExtractor": (
        metrics.FeatureExtractor,
        lambda: {"model": nn.Flatten(), "name": "n", "batch_size": 2, "resize": None},
        lambda made: made(shown()),
    ),
    "pixel_distances": (metrics.pixel_distances, lambda: {"images": shown(), "others": shown()}, len),
    "Membership": (
        audits.Membership,
        lambda: {
            "items": shown(4),
            "unseen": shown(6),
            "labels": torch.zeros(4, dtype=torch.int64),
            "unseen_labels": torch.zeros(6, dtype=torch.int64),
        },
        lambda made: made(gan()),
    ),
    "draw_status": (audits.draw_status, lambda: {"shadows": 4, "targets": 6, "seed": 0}, len),
}


def answered(name, odd):
    """Makes a call in which some arguments, by their places, are odd."""
    call, whole, use = CALLS[name]
    given = whole()
    for place, value in odd:
        given[list(given)[place % len(given)]] = ODD[value]()
    try:
        made = call(**given)
        return made if use is None else use(made)
    except NotComputableError:
        return None


@pytest.mark.fuzz
@given(
    name=st.sampled_from(list(CALLS)),
    odd=st.lists(st.tuples(st.integers(0, 20), st.sampled_from(list(ODD))), min_size=1, max_size=2),
)
@pytest.mark.filterwarnings("ignore")
def test_calls_are_answered_or_refused(name, odd):
    judged(lambda: answered(name, odd))


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore")
def test_each_argument_may_be_anything(name):
    for place in range(len(CALLS[name][1]())):
        for value in ODD:
            judged(lambda place=place, value=value: answered(name, [(place, value)]))


@pytest.mark.parametrize("name", CALLS)
def test_calls_as_they_should_be_are_answered(name):
    call, whole, use = CALLS[name]
    made = call(**whole())
    if use is not None:
        use(made)
