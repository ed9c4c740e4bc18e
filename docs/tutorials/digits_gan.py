"""The GAN script of these tutorials: scikit-learn's digits, a small conditional GAN, an Ignite trainer."""

import copy

import torch
from ignite.engine import Engine
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy, interpolate, relu

from ignite_unlearn.recipes.nets.strided import SmallDiscriminator, SmallGenerator

LATENT, CLASSES, BATCH = 64, 10, 64


def digits(device="cpu"):
    """Returns 1,437 training images with labels, and 360 unseen ones: (N, 1, 16, 16) in [-1, 1]."""
    raw = load_digits()
    images = torch.tensor(raw.images, dtype=torch.float32)[:, None] / 8 - 1
    images = interpolate(images, size=(16, 16), mode="bilinear").to(device)
    labels = torch.tensor(raw.target).to(device)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    trained, unseen = order[:1437], order[1437:]
    return (images[trained], labels[trained]), (images[unseen], labels[unseen])


def batches(images, labels, count):
    """Returns ``count`` random batches, as lists of images and labels."""
    return [[images[rows], labels[rows]] for rows in (torch.randint(len(images), (BATCH,)) for _ in range(count))]


def nets(seed=0):
    """Returns a new generator and discriminator; both take labels."""
    torch.manual_seed(seed)
    netG, netD = SmallGenerator(LATENT, CLASSES), SmallDiscriminator(CLASSES)
    return netG.to(memory_format=torch.channels_last), netD.to(memory_format=torch.channels_last)


class Trainer(Engine):
    """Hinge loss; ``average`` is a moving average of the generator, which is what gets released."""

    def __init__(self, netG, netD, lr=4e-4, decay=0.99):
        super().__init__(self.step)
        self.netG, self.netD, self.decay = netG, netD, decay
        self.optG = torch.optim.Adam(netG.parameters(), lr, betas=(0.0, 0.9))
        self.optD = torch.optim.Adam(netD.parameters(), 2 * lr, betas=(0.0, 0.9))
        self.average = copy.deepcopy(netG)

    def step(self, engine, batch):
        """One step of the discriminator, one of the generator."""
        real, labels = batch
        fake = self.netG(torch.randn(len(real), LATENT), labels)
        d_loss = relu(1 - self.netD(real, labels)).mean() + relu(1 + self.netD(fake.detach(), labels)).mean()
        self.optD.zero_grad()
        d_loss.backward()
        self.optD.step()
        g_loss = -self.netD(fake, labels).mean()
        self.optG.zero_grad()
        g_loss.backward()
        self.optG.step()
        with torch.no_grad():
            for slow, fast in zip(self.average.parameters(), self.netG.parameters(), strict=True):
                slow.lerp_(fast, 1 - self.decay)
        return {"d_loss": d_loss.item(), "g_loss": g_loss.item()}


def classifier(images, labels, seed=0):
    """Returns a judge: a small classifier trained on real images."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, 2, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(512, CLASSES),
    )
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    for real, target in batches(images, labels, 400):
        loss = cross_entropy(net(real), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval().requires_grad_(False)
