"""Whatever one number comes as, and whatever comes in its place, a phase ends with a record."""

import contextlib

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from torch import nn

from ignite_unlearn import GAN, CascadedUnlearning, ErasureRecord, ForgetItems
from ignite_unlearn.cascade import Fixed, MeanImage
from ignite_unlearn.record.record import Record

NUMBERS = (1.0, np.float64(1), torch.tensor(1.0), np.float32(1), np.int64(1), np.True_)


@pytest.mark.parametrize("value", [*NUMBERS, "1", [1.0]])
def test_the_record_is_written(tmp_path, value):
    images = torch.rand(6, 1, 4, 4)
    netG = nn.Sequential(nn.Linear(8, 16), nn.Unflatten(1, (1, 4, 4)))
    gan = GAN(netG, nn.Sequential(nn.Flatten(), nn.Linear(16, 1)), latents=(8,))
    unlearning = CascadedUnlearning(gan, forget=ForgetItems(images[:2]), substitution=MeanImage(), fake_label=Fixed(0))
    trainer, is_number = Engine(lambda engine, batch: None), not isinstance(value, (str, list))
    refused = contextlib.nullcontext() if is_number else pytest.warns(UserWarning, match="'fid' is")
    with refused, unlearning.attach(trainer):
        ErasureRecord(unlearning, tmp_path, measure=lambda gan: {"fid": value}).attach(trainer)
        trainer.run([images])
    assert Record.read(tmp_path).metrics["unlearned"]["fid"] == (1 if is_number else None)
