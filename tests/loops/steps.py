"""Building blocks that the zoo's loops share, as other people's loops share them by copy and paste."""

import torch
from ignite.engine import Engine
from torch.nn.functional import relu

from ignite_unlearn import GAN
from tests.loops.case import Case
from tests.loops.nets import CLASSES, Discriminator, Generator, Z


def adam(net, lr=2e-3):
    return torch.optim.Adam(net.parameters(), lr=lr, betas=(0.5, 0.9))


def set_grad(net, flag):
    net.requires_grad_(flag)


def d_loss(netD, netG, real, y=None, scores=lambda output: output):
    z = torch.randn(len(real), Z)
    fake = netG(z, y).detach() if y is not None else netG(z).detach()
    args = () if y is None else (y,)
    return relu(1 - scores(netD(real, *args))).mean() + relu(1 + scores(netD(fake, *args))).mean()


def g_loss(netD, netG, n, y=None, scores=lambda output: output):
    z = torch.randn(n, Z)
    args = () if y is None else (y,)
    return -scores(netD(netG(z, *args), *args)).mean()


def descend(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def plain_case(real, form, *, head=None, conditional=False, scores=lambda output: output, labelled=True, **options):
    """One to one hinge steps: the loop that differs from the next only in its batch and in D's output.

    Args:
        real: batch -> (images, labels or None), as the loop's own step reads it.
        form: (images, labels) -> batch.
        head: what D returns.
        conditional: whether both nets take labels.
        scores: D's output -> scores, as the loop's own loss reads it.
        labelled: whether ForgetClasses finds labels in the batch.
        options: of GAN.
    """
    classes = CLASSES if conditional else None
    netG, netD = Generator(classes), Discriminator(head, classes)
    optG, optD = adam(netG), adam(netD)

    def step(engine, batch):
        images, labels = real(batch)
        labels = labels if conditional else None
        loss_d = descend(optD, d_loss(netD, netG, images, labels, scores))
        loss_g = descend(optG, g_loss(netD, netG, len(images), labels, scores))
        return {"d": loss_d, "g": loss_g}

    gan = GAN(netG, netD, latents=(Z,), labels=classes, **options)
    saved = {"netG": netG, "netD": netD, "optG": optG, "optD": optD}
    return Case(Engine(step), gan, form, saved, labelled=labelled)
