"""One whole iteration of a method before any training: what it changes is put back."""

from __future__ import annotations

import copy
from typing import Any

import ignite.distributed as idist
import torch

from ignite_unlearn.gan.weights import KeptWeights
from ignite_unlearn.handlers.looks import Look
from ignite_unlearn.handlers.method import UnlearningMethod
from ignite_unlearn.handlers.original import Original
from ignite_unlearn.handlers.rows import Rows


def rehearse(look: Look, method: UnlearningMethod, original: Original, rows: Rows | None, batch: Any) -> None:
    """Tries the method's parts, then its beginning, an unlearning step and a replaced batch.

    The nets must be borrowed. Their weights and the method's state are put back; the method that acts is a copy. On
    several processes the steps are left out: they are collective calls, and a check may run on one alone.

    Args:
        look: collects what does not work.
        method: what is tried.
        original: a copy of the GAN.
        rows: a batch's rows, some of them taken as forgotten; None where the loop has no batch.
        batch: that batch.
    """
    method.try_out(look, original, rows)
    if look.problems:
        return
    if idist.get_world_size() == 1:
        kept, state = KeptWeights(method.gan.generator, method.gan.discriminator), copy.deepcopy(method.method_state())
        tried = method.copied()
        try:
            look.try_to(lambda: tried.begin(original), "The beginning of the phase")
            if rows is not None:
                look.try_to(lambda: tried.unlearn(original, rows), "The unlearning step")
        finally:
            kept.restore()
            method.load_method_state(state)
    if rows is not None and len(rows.images) > 1:
        # One row alone: whatever replaces the images of a batch may be given a part of it.
        one = torch.arange(len(rows.images)) == 0
        look.try_to(lambda: method.copied().learn_from(original, batch, one, 0), "A batch with one row replaced")
