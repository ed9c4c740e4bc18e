"""Loops that differ in when they train which net, and in what they leave behind at the end of an iteration."""

import torch
from ignite.engine import Engine

from ignite_unlearn import GAN
from tests.loops.case import Case, loop
from tests.loops.nets import Discriminator, Generator, Z
from tests.loops.steps import adam, d_loss, descend, g_loss, set_grad


def scheduled(make_step, **options):
    """A case of unconditional nets and (image, label) batches; make_step(netG, netD, optG, optD) -> step."""
    netG, netD = Generator(), Discriminator()
    optG, optD = adam(netG), adam(netD)
    saved = {"netG": netG, "netD": netD, "optG": optG, "optD": optD}
    step = make_step(netG, netD, optG, optD)
    return Case(Engine(step), GAN(netG, netD, latents=(Z,)), lambda x, y: (x, y), saved, **options)


@loop
def g_every_second_iteration():
    def make(netG, netD, optG, optD):
        def step(engine, batch):
            loss = descend(optD, d_loss(netD, netG, batch[0]))
            if engine.state.iteration % 2 == 0:
                loss += descend(optG, g_loss(netD, netG, len(batch[0])))
            return loss

        return step

    return scheduled(make)


@loop
def blocks_of_one_net_only():
    def make(netG, netD, optG, optD):
        def step(engine, batch):
            if (engine.state.iteration - 1) // 3 % 2 == 0:
                return descend(optD, d_loss(netD, netG, batch[0]))
            return descend(optG, g_loss(netD, netG, len(batch[0])))

        return step

    return scheduled(make)


@loop
def g_first_then_d():
    def make(netG, netD, optG, optD):
        def step(engine, batch):
            loss_g = descend(optG, g_loss(netD, netG, len(batch[0])))
            return loss_g, descend(optD, d_loss(netD, netG, batch[0]))

        return step

    return scheduled(make)


@loop
def accumulation_over_two_iterations():
    # Gradients of both nets are alive between iterations, also through the unlearning step.
    def make(netG, netD, optG, optD):
        def step(engine, batch):
            (d_loss(netD, netG, batch[0]) / 2).backward()
            set_grad(netD, False)
            loss_g = g_loss(netD, netG, len(batch[0])) / 2
            loss_g.backward()
            set_grad(netD, True)
            if engine.state.iteration % 2 == 0:
                for optimizer in (optD, optG):
                    optimizer.step()
                    optimizer.zero_grad()
            return loss_g.item()

        return step

    return scheduled(make)


@loop
def d_left_frozen():
    def make(netG, netD, optG, optD):
        def step(engine, batch):
            set_grad(netD, True)
            loss_d = descend(optD, d_loss(netD, netG, batch[0]))
            set_grad(netD, False)
            return loss_d, descend(optG, g_loss(netD, netG, len(batch[0])))

        return step

    return scheduled(make)


@loop
def g_left_frozen():
    def make(netG, netD, optG, optD):
        def step(engine, batch):
            set_grad(netG, True)
            loss_g = descend(optG, g_loss(netD, netG, len(batch[0])))
            set_grad(netG, False)
            return loss_g, descend(optD, d_loss(netD, netG, batch[0]))

        return step

    return scheduled(make)


@loop
def nets_left_in_eval_mode():
    def make(netG, netD, optG, optD):
        def step(engine, batch):
            netG.train()
            netD.train()
            loss_d = descend(optD, d_loss(netD, netG, batch[0]))
            loss_g = descend(optG, g_loss(netD, netG, len(batch[0])))
            netG.eval()
            netD.eval()
            return loss_d, loss_g

        return step

    return scheduled(make)


@loop
def r1_on_the_batch_tensor():
    def make(netG, netD, optG, optD):
        def step(engine, batch):
            real = batch[0]
            real.requires_grad_(True)
            (slope,) = torch.autograd.grad(netD(real).sum(), real, create_graph=True)
            loss_d = descend(optD, d_loss(netD, netG, real) + 0.1 * slope.square().sum((1, 2, 3)).mean())
            return loss_d, descend(optG, g_loss(netD, netG, len(real)))

        return step

    return scheduled(make)


@loop
def one_optimizer_over_two_nets():
    netG, netD = Generator(), Discriminator()
    both = torch.optim.Adam([*netG.parameters(), *netD.parameters()], 1e-3)

    def step(engine, batch):
        set_grad(netG, False)
        loss_d = descend(both, d_loss(netD, netG, batch[0]))
        set_grad(netG, True)
        set_grad(netD, False)
        loss_g = descend(both, g_loss(netD, netG, len(batch[0])))
        set_grad(netD, True)
        return loss_d, loss_g

    gan = GAN(netG, netD, latents=(Z,))
    return Case(Engine(step), gan, lambda x, y: (x, y), {"netG": netG, "netD": netD, "both": both})
