"""Items in another value range or channel order than the loop's batches were forgotten on paper only."""

import warnings

import pytest
import torch
from ignite.engine import Engine, Events
from torch import nn

from ignite_unlearn import GAN, CascadedUnlearning, ForgetItems
from ignite_unlearn.cascade import Generated, RetainedNeighbour

X = torch.rand(40, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize(
    ("items", "rows"), [(X[[3, 7]], 6), ((X[[3, 7]] + 1) / 2, 0), (X[[3, 7]].flip(1), 0), ((X[[3, 7]] + 1) * 127.5, 0)]
)
def test_two_items_in_three_epochs_are_six_rows_or_a_problem_and_a_warning(items, rows):
    generator = nn.Sequential(nn.Linear(8, 768), nn.Tanh(), nn.Unflatten(1, (3, 16, 16)))
    gan = GAN(generator, nn.Sequential(nn.Flatten(), nn.Linear(768, 1)), latents=(8,))
    phase = CascadedUnlearning(
        gan, forget=ForgetItems(items), substitution=RetainedNeighbour(), fake_label=Generated()
    )  # fmt: skip
    loader, replaced = list(X.split(8)), []
    trainer = Engine(lambda engine, batch: None)
    assert bool(phase.check(loader)) == (rows == 6)
    with phase.attach(trainer), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer.add_event_handler(
            Events.ITERATION_COMPLETED,
            lambda engine: replaced.append(engine.state.metrics["unlearning/rows_replaced"]),
        )
        trainer.run(loader, max_epochs=3)
    assert sum(replaced) == phase.rows_found == rows and phase.items_found == rows // 3
    assert any("2 of the 2 images to be forgotten" in str(w.message) for w in caught) == (rows == 0)
