"""A tiny conditional GAN, its data and its learning step: what the examples beside this file call yours."""

import torch
from torch import nn
from torch.nn.functional import softplus

torch.manual_seed(0)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.linear = nn.Embedding(10, 8), nn.Linear(8, 64)

    def forward(self, z, y):
        return self.linear(z + self.embed(y)).tanh().view(-1, 1, 8, 8)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.linear = nn.Embedding(10, 64), nn.Linear(64, 1)

    def forward(self, x, y):
        return self.linear(x.flatten(1) + self.embed(y))


netG, netD = Generator(), Discriminator()
optG, optD = (torch.optim.Adam(net.parameters(), 1e-4) for net in (netG, netD))
images, labels = torch.rand(64, 1, 8, 8) * 2 - 1, torch.arange(64) % 10
unseen, unseen_labels = torch.rand(64, 1, 8, 8) * 2 - 1, torch.arange(64) % 10  # never trained on
loader = [(images[i : i + 16], labels[i : i + 16]) for i in range(0, 64, 16)]


def learn(x, y, asked):
    """Takes a learning step on real images and their labels, and on as many generated ones of labels asked for."""
    fake = netG(torch.randn(len(x), 8), asked)
    d_loss = softplus(-netD(x, y)).mean() + softplus(netD(fake.detach(), asked)).mean()
    optD.zero_grad()
    d_loss.backward()
    optD.step()
    g_loss = softplus(-netD(fake, asked)).mean()
    optG.zero_grad()
    g_loss.backward()
    optG.step()
    return {"d_loss": d_loss.item()}


def step(engine, batch):
    x, y = batch
    return learn(x, y, asked=y)
