import copy

import pytest
import torch
from ignite.engine import Engine

from ignite_unlearn import UnlearningError
from tests.handlers.test_phase import data, make


def test_an_original_that_is_renewed_is_the_gan_as_it_is_now():
    unlearning, trainer = make(), Engine(lambda engine, batch: None)
    netG = unlearning.gan.generator
    with unlearning.attach(trainer):
        with torch.no_grad():
            netG.embed.weight.add_(1)
        teacher = unlearning.original.teacher.generator
        assert not torch.equal(teacher.embed.weight, netG.embed.weight)
        unlearning.renew_original()  # without it the phase would warn of other weights
        loaded = netG.embed.weight.clone()
        trainer.run(data(2))
    assert torch.equal(unlearning.original.teacher.generator.embed.weight, loaded)
    assert not torch.equal(netG.embed.weight, loaded)


def with_buffer(value):
    unlearning = make(max_iterations=1)
    unlearning.gan.generator.register_buffer("mask", torch.full((2,), value))
    unlearning.measured = True
    return unlearning


def test_a_mask_is_no_broken_weight_and_a_buffer_of_nan_is():
    for unlearning, fits in ((with_buffer(float("-inf")), True), (with_buffer(float("nan")), False)):
        assert bool(unlearning.check(data(2))) == fits
        with unlearning.attach(trainer := Engine(lambda engine, batch: None)):
            if fits:
                trainer.run(data(2))
                continue
            with pytest.raises(UnlearningError, match="generator's weights are not finite before the first"):
                trainer.run(data(2))


def test_a_state_of_another_discriminator_loads_nothing_of_its_generator():
    unlearning, trainer = make(), Engine(lambda engine, batch: None)
    with unlearning.attach(trainer):
        state = copy.deepcopy(unlearning.state_dict())
    with torch.no_grad():
        for value in state["original"]["generator"].values():
            value.add_(1)
    state["original"]["discriminator"] = {"other": torch.zeros(1)}
    before = {name: value.clone() for name, value in unlearning.original.teacher.generator.state_dict().items()}
    with pytest.raises(UnlearningError, match="of another discriminator"):
        unlearning.load_state_dict(state)
    after = unlearning.original.teacher.generator.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
