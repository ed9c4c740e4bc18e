"""Loops that differ in what D returns."""

import torch
from ignite.engine import Engine
from torch import nn
from torch.nn.functional import cross_entropy

from ignite_unlearn import GAN
from tests.loops.case import ROWS, Case, loop
from tests.loops.nets import CLASSES, Discriminator, Generator, Z
from tests.loops.steps import adam, descend, plain_case


def pair(images, labels):
    return images, labels


@loop
def dcgan_as_in_ignites_example():
    # nn.BCELoss on a sigmoid D, latents (N, Z, 1, 1), real and fake labels sized once at the configured batch size.
    netG, netD = Generator(), Discriminator(lambda score, features: torch.sigmoid(score))
    bce, optG, optD = nn.BCELoss(), adam(netG), adam(netD)
    real_labels, fake_labels = torch.ones(ROWS), torch.zeros(ROWS)

    def step(engine, batch):
        real, _ = batch
        netD.zero_grad()
        output = netD(real).squeeze()
        errD_real = bce(output, real_labels)
        D_x = output.mean().item()
        errD_real.backward()
        fake = netG(torch.randn(ROWS, Z, 1, 1))
        output = netD(fake.detach()).squeeze()
        errD_fake = bce(output, fake_labels)
        errD_fake.backward()
        optD.step()
        netG.zero_grad()
        errG = bce(netD(fake).squeeze(), real_labels)
        errG.backward()
        optG.step()
        return {"errD": (errD_real + errD_fake).item(), "errG": errG.item(), "D_x": D_x}

    gan = GAN(netG, netD, latents=(Z, 1, 1), scores="probabilities")
    return Case(Engine(step), gan, pair, {"netG": netG, "netD": netD, "optG": optG, "optD": optD})


@loop
def scores_n_1_1_1():
    return plain_case(tuple, pair, head=lambda score, features: score)


@loop
def scores_with_auxiliary_loss():
    return plain_case(
        tuple, pair,
        head=lambda score, features: (score.flatten(1), features.square().mean()),
        scores=lambda output: output[0],
        conditional=True,
    )  # fmt: skip


@loop
def acgan_score_and_class():
    netG = Generator(CLASSES)
    netD = Discriminator(lambda score, features: (score.flatten(), features.mean((2, 3))[:, :CLASSES]))
    optG, optD = adam(netG), adam(netD)

    def step(engine, batch):
        real, y = batch
        fake = netG(torch.randn(len(real), Z), y)
        (adv, kind), (adv_fake, _) = netD(real), netD(fake.detach())
        loss_d = descend(optD, (1 - adv).relu().mean() + (1 + adv_fake).relu().mean() + cross_entropy(kind, y))
        adv, kind = netD(netG(torch.randn(len(real), Z), y))
        return loss_d, descend(optG, cross_entropy(kind, y) - adv.mean())

    gan = GAN(netG, netD, latents=(Z,), labels=CLASSES)
    return Case(Engine(step), gan, pair, {"netG": netG, "netD": netD, "optG": optG, "optD": optD})


@loop
def wgan_with_k_critic_steps_and_clipping():
    netG, netD = Generator(), Discriminator()
    optG, optD = torch.optim.RMSprop(netG.parameters(), 1e-3), torch.optim.RMSprop(netD.parameters(), 1e-3)

    def step(engine, batch):
        real, _ = batch
        for _ in range(3):
            loss_d = descend(optD, netD(netG(torch.randn(len(real), Z)).detach()).mean() - netD(real).mean())
            with torch.no_grad():
                for p in netD.parameters():
                    p.clamp_(-0.5, 0.5)
        return loss_d, descend(optG, -netD(netG(torch.randn(len(real), Z))).mean())

    gan = GAN(netG, netD, latents=(Z,), scores="critic")
    return Case(Engine(step), gan, pair, {"netG": netG, "netD": netD, "optG": optG, "optD": optD})
