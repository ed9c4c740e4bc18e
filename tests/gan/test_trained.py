import itertools

import pytest
import torch
from ignite.engine import Engine
from torch import nn

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses, UnlearningError
from ignite_unlearn.cascade import Fixed, OtherClass
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.trained import decide_trained, optimizers_among, said_of_training, trained_names
from ignite_unlearn.utils.identical import clone
from tests.loops.nets import CLASSES, Discriminator, Generator, Z, real_images
from tests.loops.steps import d_loss, descend, g_loss, set_grad

ALL = {"0.weight", "0.bias", "1.weight", "1.bias"}
HEAD = {"1.weight", "1.bias"}


def make():
    return nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))


def step(net, optimizer):
    optimizer.zero_grad()
    net(torch.ones(1, 2)).sum().backward()
    optimizer.step()


def test_of_an_optimisers_parameters_those_that_ask_for_gradients_train():
    net = make()
    decide_trained(net, [torch.optim.SGD(net[1].parameters(), 0.1)])
    assert trained_names(net) == HEAD
    net[1].bias.requires_grad_(False)
    decide_trained(net, [torch.optim.Adam(net.parameters())])
    assert trained_names(net) == ALL - {"1.bias"}


@pytest.mark.parametrize("moment", ["all", "some", "none"])
@pytest.mark.parametrize("kind", [torch.optim.Adam, lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)])
def test_a_part_frozen_for_good_is_told_from_parts_in_turns_by_the_optimisers_moments(kind, moment):
    net = make()
    net[0].requires_grad_(False)
    optimizer = kind(net.parameters())
    step(net, optimizer)
    net[1].requires_grad_(moment == "none")
    net[1].bias.requires_grad_(moment != "all")
    decide_trained(net, [optimizer])
    assert trained_names(net) == HEAD


def test_a_part_frozen_for_the_moment_trains():
    net = make()
    optimizer = torch.optim.Adam(net.parameters())
    step(net, optimizer)
    net[0].requires_grad_(False)
    decide_trained(net, [optimizer])
    assert trained_names(net) == ALL


def test_without_any_hint_a_frozen_net_is_taken_to_train():
    net = make().requires_grad_(False)
    assert trained_names(net) == ALL
    decide_trained(net, [torch.optim.Adam(net[1].parameters())])
    assert trained_names(net) == HEAD


def test_what_was_decided_holds_whatever_the_loop_freezes_later():
    net = make()
    net[0].requires_grad_(False)
    decide_trained(net, [])
    for flags in ((False, False), (False, True), (True, True)):
        net[0].requires_grad_(flags[0]), net[1].requires_grad_(flags[1])
        with borrow(net):
            assert {name for name, p in net.named_parameters() if p.requires_grad} == HEAD
        assert [p.requires_grad for p in net.parameters()] == [flags[0]] * 2 + [flags[1]] * 2


def test_a_user_may_give_optimisers_or_parameters_or_both():
    netG, netD = make(), make()
    optG = torch.optim.Adam(netG[1].parameters())
    GAN(netG, netD, latents=(2,), trained=(optG, netD[0].weight))
    assert trained_names(netG) == HEAD and trained_names(netD) == {"0.weight"}
    with pytest.raises(UnlearningError, match="holds no parameter of the discriminator"):
        GAN(netG, make(), latents=(2,), trained=[optG])
    with pytest.raises(
        UnlearningError, match=r"holds a Sequential: give the loop's optimisers, such as trained=\(optG"
    ):
        GAN(netG, netD, latents=(2,), trained=[netG])


def test_optimisers_are_found_where_loops_keep_them():
    one, other = (torch.optim.SGD(make().parameters(), 0.1) for _ in range(2))
    scheduler = torch.optim.lr_scheduler.StepLR(other, 1)
    for objects in (
        {"a": one, "b": scheduler},
        {"x": [one, other]},
        {"trainer": type("T", (), {})(), "d": {1: one, 2: other}},
    ):
        assert [id(o) for o in optimizers_among(objects)] == [id(one), id(other)]


def test_a_phase_finds_the_optimisers_of_its_trainer_and_moves_nothing_else():
    netG, netD = Generator(CLASSES), Discriminator(classes=CLASSES)
    optG = torch.optim.Adam([*netG.body.parameters()], 1e-3)
    set_grad(netD.conv, False)
    optD = torch.optim.Adam(netD.parameters(), 1e-3)

    def learn(engine, batch):
        for p in netD.parameters():  # D is left frozen, in whole, at the end of each turn
            p.requires_grad_(all(p is not q for q in netD.conv.parameters()))
        loss = descend(optD, d_loss(netD, netG, *batch))
        set_grad(netD, False)
        return loss, descend(optG, g_loss(netD, netG, len(batch[0]), batch[1]))

    gan = GAN(netG, netD, latents=(Z,), labels=CLASSES)
    unlearning = CascadedUnlearning(
        gan, forget=ForgetClasses({2}), substitution=OtherClass(), fake_label=Fixed(), batch_size=8,
        optimizer=lambda p: torch.optim.Adam(p, lr=0.1),
    )  # fmt: skip
    before = clone({"g": dict(netG.named_parameters()), "d": dict(netD.named_parameters())})
    trainer = Engine(learn)
    with unlearning.attach(trainer):
        trainer.run([real_images(6, seed=i) for i in range(3)])
    for net, kept in ((netG, before["g"]), (netD, before["d"])):
        for name, parameter in net.named_parameters():
            stays = name.startswith(("embed.", "conv.")) and not (net is netD and name.startswith("embed."))
            assert torch.equal(parameter, kept[name]) == stays, name
    said = unlearning.check([real_images(6, seed=0)]).notes[:2]
    assert said[0] == "The generator: 6 of 7 tensors train; embed.weight stays as it is."
    assert said[1].startswith("The discriminator: 5 of 7 tensors train; conv.bias and conv.param")


def test_a_part_frozen_in_turns_is_unlearned_in_every_step():
    netG, netD = Generator(CLASSES), Discriminator(classes=CLASSES)
    optD, weights = torch.optim.Adam(netD.parameters(), 0.0), []

    def learn(engine, batch):
        weights.append(netD.score.weight.clone())
        set_grad(netD.score, engine.state.iteration == 1)
        return descend(optD, d_loss(netD, netG, *batch))

    unlearning = CascadedUnlearning(
        GAN(netG, netD, latents=(Z,), labels=CLASSES), forget=ForgetClasses({2}), substitution=OtherClass(),
        fake_label=Fixed(), batch_size=8, optimizer=lambda p: torch.optim.SGD(p, lr=0.1),
    )  # fmt: skip
    trainer = Engine(learn)
    batch = next(b for b in (real_images(6, seed=i) for i in range(9)) if 2 in b[1])
    with unlearning.attach(trainer):
        trainer.run([batch] * 5)
    assert not any(torch.equal(*two) for two in itertools.pairwise(weights))


def test_it_is_said_which_parameters_train():
    net = make()
    assert said_of_training(net, "generator") is None
    assert said_of_training(make().requires_grad_(False), "generator").startswith(
        "The generator is frozen at the moment"
    )
    decide_trained(net, [torch.optim.SGD([net[1].bias], 0.1)])
    assert said_of_training(net, "discriminator") == (
        "The discriminator: 1 of 4 tensors trains; 0.weight, 0.bias and 1.weight stay as they are."
    )
