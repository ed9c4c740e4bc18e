"""Tiny nets that carry every kind of state a step can disturb: BatchNorm, spectral norm, dropout."""

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

Z, SIZE, CLASSES = 8, 6, 3


class Generator(nn.Module):
    """Latents (N, 8), or (N, 8, 1, 1), to images (N, 1, 6, 6) in [-1, 1]."""

    def __init__(self, classes=None):
        super().__init__()
        self.embed = None if classes is None else nn.Embedding(classes, Z)
        self.body = nn.Sequential(
            nn.Linear(Z, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, SIZE * SIZE), nn.Tanh()
        )

    def forward(self, z, y=None):
        z = z.flatten(1)
        if self.embed is not None:
            z = z + self.embed(y)
        return self.body(z).view(-1, 1, SIZE, SIZE)


class Upscaler(nn.Module):
    """Low-resolution images (N, 1, 3, 3) to images (N, 1, 6, 6)."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Upsample(scale_factor=2), nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.PReLU(),
            nn.Conv2d(4, 1, 3, padding=1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, low):
        return self.body(low)


class Discriminator(nn.Module):
    """Images (N, 1, 6, 6) to whatever ``head`` makes of 8 features and a map; classes make it a projection D."""

    def __init__(self, head=None, classes=None):
        super().__init__()
        self.conv = spectral_norm(nn.Conv2d(1, 8, 3, stride=2, padding=1))
        self.norm = nn.BatchNorm2d(8)
        self.dropout = nn.Dropout(0.2)
        self.score = nn.Conv2d(8, 1, 3)
        self.embed = None if classes is None else nn.Embedding(classes, 8)
        self.head = head or (lambda score, features: score.flatten())

    def forward(self, images, y=None):
        features = self.dropout(nn.functional.leaky_relu(self.norm(self.conv(images)), 0.2))
        score = self.score(features)
        if self.embed is not None:
            score = score + (self.embed(y)[..., None, None] * features).sum((1, 2, 3))[:, None, None, None]
        return self.head(score, features)


def bright_corner(images):
    """A classifier without weights: class 2 has a bright first pixel, else the second pixel tells 0 from 1."""
    first, second = images[:, 0, 0, 0], images[:, 0, 0, 1]
    bright = 10 * first.clamp(0)
    return torch.stack([-second - bright, second - bright, 10 * first], 1)


def real_images(n, seed):
    """Returns images (n, 1, 6, 6) and labels (n,) that ``bright_corner`` classifies without error."""
    stream = torch.Generator().manual_seed(seed)
    images = torch.rand(n, 1, SIZE, SIZE, generator=stream) * 1.8 - 0.9
    labels = torch.randint(CLASSES, (n,), generator=stream)
    images[:, 0, 0, 0] = torch.where(labels == 2, 0.8, -0.8)
    images[:, 0, 0, 1] = torch.where(labels == 1, 0.7, -0.7)
    return images, labels
