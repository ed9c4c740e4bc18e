"""Discriminators that return more than scores, or are called in a way of their own."""

import torch
from tiny import Discriminator, images, labels, netG

from ignite_unlearn import GAN


class Auxiliary(Discriminator):
    """Scores come first: nothing to do."""

    def forward(self, x, y):
        scores = super().forward(x, y)
        return scores, torch.zeros(len(x), 10)


gan = GAN(netG, Auxiliary(), latents=(8,), labels=10)
print(tuple(gan.score(images[:4], labels[:4]).shape))


class ClassesFirst(Discriminator):
    """Scores come second, and there is a third argument: say how it is called."""

    def forward(self, x, y, mode):
        scores = super().forward(x, y)
        return (torch.zeros(len(x), 10), scores) if mode == "both" else scores


gan = GAN(
    netG,
    ClassesFirst(),
    latents=(8,),
    labels=10,
    discriminate=lambda netD, images, labels: netD(images, labels, mode="both")[1],
)
print(tuple(gan.score(images[:4], labels[:4]).shape))
