"""Tiny GANs to audit: they are trained in a second, and what they remember is known."""

import copy

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from ignite_unlearn import GAN

CLASSES, Z = 4, 4
PROTOTYPES = torch.randn(CLASSES, 1, 4, 4, generator=torch.Generator().manual_seed(7)).sign()


def classifier(images):
    """The class whose prototype an image is like."""
    return images.flatten(1) @ PROTOTYPES.flatten(1).T


class Generator(nn.Module):
    """Label embedding, then layers that all classes share."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(CLASSES, 8)
        self.body = nn.Sequential(nn.Linear(8 + Z, 32), nn.Tanh(), nn.Linear(32, 16))

    def forward(self, z, y):
        return self.body(torch.cat([self.embed(y), z], 1)).view(-1, 1, 4, 4)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(16, 1)

    def forward(self, x, y):
        return self.body(x.flatten(1))


def class_step(generator, classes, lr=1e-2, dtype=torch.float32):
    """Returns a function that teaches a generator the prototypes of classes, with noise along z, a step a call."""
    optimizer = torch.optim.Adam(generator.parameters(), lr)
    spread = torch.randn(Z, 16, generator=torch.Generator().manual_seed(3)).view(Z, 1, 4, 4)

    def step():
        y, z = torch.tensor(classes)[torch.randint(len(classes), (64,))], torch.randn(64, Z)
        made = generator(z.to(dtype), y).float()
        loss = mse_loss(made, PROTOTYPES[y] + 0.1 * torch.einsum("nz,zchw->nchw", z, spread))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def class_gan(classes, seed=0, steps=300):
    """Returns a conditional GAN whose generator was taught these classes."""
    torch.manual_seed(seed)
    generator = Generator()
    step = class_step(generator, classes)
    for _ in range(steps):
        step()
    return GAN(generator.eval(), Discriminator(), latents=(Z,), labels=CLASSES)


def relabelled(gan, forgotten, other):
    """The weak method: another class's row over the forgotten one's, and nothing else."""
    generator = copy.deepcopy(gan.generator)
    generator.embed.weight.data[forgotten] = generator.embed.weight.data[other]
    return GAN(generator, gan.discriminator, latents=(Z,), labels=CLASSES)


DIM = 64
_DATA = torch.randn(1080, 1, 8, 8, generator=torch.Generator().manual_seed(11))
ITEMS, RETAINED, UNSEEN = _DATA[:20], _DATA[20:80], _DATA[80:]


def item_gan(members, seed=0):
    """Returns a GAN whose discriminator remembers its training images."""
    torch.manual_seed(seed)
    netG = nn.Sequential(nn.Linear(Z, DIM), nn.Unflatten(1, (1, 8, 8)))
    netD = nn.Sequential(nn.Flatten(), nn.Linear(DIM, 64), nn.ReLU(), nn.Linear(64, 1))
    gan = GAN(netG, netD, latents=(Z,))
    learn_items(gan, members, 1.0, 150)
    return gan


def learn_items(gan, images, target, steps, lr=1e-3):
    """Teaches the discriminator that images are real (1) or generated (0), beside fresh noise that is generated."""
    optimizer = torch.optim.Adam(gan.discriminator.parameters(), lr)
    for _ in range(steps):
        fakes = torch.randn(len(images), 1, 8, 8)
        scores = gan.discriminator(torch.cat([images, fakes]))[:, 0]
        wanted = torch.cat([torch.full((len(images),), target), torch.zeros(len(fakes))])
        optimizer.zero_grad()
        binary_cross_entropy_with_logits(scores, wanted).backward()
        optimizer.step()
