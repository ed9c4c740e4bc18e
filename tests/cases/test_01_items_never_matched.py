"""Items in another value range or channel order than the batches hold are in no batch: check, run and record say so."""

import warnings

import pytest
import torch
from ignite.engine import Engine
from torch import nn

from ignite_unlearn import GAN, CascadedUnlearning, ErasureRecord, ForgetItems, Generated, RetainedNeighbour
from ignite_unlearn.record.content import Record

X = torch.rand(40, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1  # what the loop trains on


@pytest.mark.parametrize(
    ("items", "fits"), [(X[[3, 7]], True), ((X[[3, 7]] + 1) / 2, False), (X[[3, 7]].flip(1), False)]
)
def test_what_is_in_no_batch_is_told_before_in_and_after_the_run(tmp_path, items, fits):
    netG = nn.Sequential(nn.Linear(8, 768), nn.Tanh(), nn.Unflatten(1, (3, 16, 16)))
    gan = GAN(netG, nn.Sequential(nn.Flatten(), nn.Linear(768, 1)), latents=(8,))
    unlearning = CascadedUnlearning(
        gan, forget=ForgetItems(items), substitution=RetainedNeighbour(), fake_label=Generated()
    )
    loader, trainer = list(X.split(8)), Engine(lambda engine, batch: None)
    assert bool(unlearning.check(loader)) == fits
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with unlearning.attach(trainer), ErasureRecord(unlearning, tmp_path).attach(trainer):
            trainer.run(loader, max_epochs=3)
    record = Record.read(tmp_path)
    assert record.found == {"rows": 6 if fits else 0, "items": 2 if fits else 0, "of": 2}
    missed = "2 of 2 items were in no batch of the phase"
    assert any(missed in reason for reason in record.verdict.reasons) != fits
    assert any("images to be forgotten were not among" in str(w.message) for w in caught) != fits
    assert record.verdict.value == "not-tested"
