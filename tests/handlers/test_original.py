import torch
from ignite.engine import Engine

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
