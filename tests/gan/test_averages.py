import copy
import warnings

import pytest
import torch
from ignite.engine import Engine, Events
from ignite.handlers import EMAHandler
from torch import nn
from torch.optim.swa_utils import AveragedModel

from ignite_unlearn import GAN, ErasureRecord
from ignite_unlearn.gan.averages import averages, kept_around, lag, swapping
from tests.handlers.test_phase import data, make


def by_ignite(net):
    trainer = Engine(lambda engine, batch: None)
    handler = EMAHandler(net, momentum=1e-4)
    handler.attach(trainer, event=Events.ITERATION_COMPLETED(every=2))
    return trainer, handler.ema_model


def by_torch(net):
    average = AveragedModel(net)
    return Engine(lambda engine, batch: average.eval()), average.module


def by_hand(net):
    copied = {"G_ema": copy.deepcopy(net)}

    class Loop(Engine):
        def __init__(self):
            self.netG, self.generator_ema = net, copied["G_ema"]
            super().__init__(lambda engine, batch: None)

    return Loop(), copied["G_ema"]


def by_a_handler(net):
    ema = copy.deepcopy(net)
    trainer = Engine(lambda engine, batch: None)

    @trainer.on(Events.EPOCH_COMPLETED(every=3))
    def save():
        return ema.state_dict()

    return trainer, ema


KINDS = pytest.mark.parametrize("keep", [by_ignite, by_torch, by_hand, by_a_handler])


@KINDS
def test_averages_are_found_wherever_they_are_kept(keep):
    net, other = nn.Linear(2, 3), nn.Linear(3, 2)
    trainer, average = keep(net)
    found = averages(net, kept_around(trainer))
    assert [each.net for each in found] == [average]
    assert not averages(other, kept_around(trainer))
    assert not averages(net, kept_around(Engine(lambda engine, batch: net(batch))))


def run(unlearning, trainer, *handlers):
    with warnings.catch_warnings(record=True) as caught, unlearning.attach(trainer):
        warnings.simplefilter("always")
        for handler in handlers:
            handler.attach(trainer)
        trainer.run(data(3), max_epochs=2)
        trainer.run(data(3), max_epochs=4)
    return [str(w.message) for w in caught if "average" in str(w.message)]


@KINDS
def test_an_average_that_still_knows_is_warned_of_once(keep, tmp_path):
    fast = {"optimizer": lambda p: torch.optim.Adam(p, lr=1e-2)}
    unlearning = make(**fast)
    trainer, average = keep(unlearning.gan.generator)
    (said,) = run(unlearning, trainer)
    assert "still nearer to the original" in said and "released=GAN(average, ...)" in said
    assert lag(average, unlearning.gan.generator, unlearning.original.teacher.generator) > 0.75

    # What is recorded is known, and an average that follows is none to warn of.
    unlearning = make(**fast)
    trainer, average = keep(unlearning.gan.generator)
    gan = GAN(average, unlearning.gan.discriminator, latents=unlearning.gan.latents, labels=unlearning.gan.labels)
    assert run(unlearning, trainer, ErasureRecord(unlearning, tmp_path, released=gan)) == []
    unlearning = make(**fast)
    trainer, average = keep(unlearning.gan.generator)
    trainer.add_event_handler(
        Events.ITERATION_COMPLETED, lambda: average.load_state_dict(unlearning.gan.generator.state_dict())
    )
    assert run(unlearning, trainer) == []


def test_callbacks_that_swap_an_average_in_are_known_by_the_names_of_their_kinds():
    kind = type("WeightAveraging", (), {})
    assert swapping([object(), type("Mine", (kind,), {})()]) == "Mine"
    assert swapping([object()]) is None
