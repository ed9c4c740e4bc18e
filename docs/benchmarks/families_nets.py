"""The nets of families_loops.py: small ones for images of 16 x 16."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, one_hot, relu

LATENTS, CLASSES = 48, 10


class Generator(nn.Module):
    """A small DCGAN (Radford et al. 2016), 16 x 16, that takes labels in one of several ways, or none."""

    def __init__(self, kind: str, width: int):
        super().__init__()
        self.kind, self.width = kind, width
        more = {"embedding": 16, "onehot": CLASSES}.get(kind, 0)
        if kind in ("embedding", "product"):
            self.embedding = nn.Embedding(CLASSES, 16 if kind == "embedding" else LATENTS)
        self.first = nn.Linear(LATENTS + more, 2 * width * 16)
        self.norm1, self.norm2 = nn.BatchNorm2d(2 * width), nn.BatchNorm2d(width)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 4, 2, 1)
        self.up2 = nn.ConvTranspose2d(width, 1, 4, 2, 1)
        if kind == "batchnorm":  # de Vries et al. 2017
            tables = [nn.Embedding(CLASSES, 4 * width), nn.Embedding(CLASSES, 2 * width)]
            for table in tables:
                nn.init.normal_(table.weight, 0, 0.3)
            self.gains = nn.ModuleList(tables)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Returns images in [-1, 1], ``(N, 1, 16, 16)``, of latents and class labels."""
        if labels is not None and self.kind == "embedding":
            z = torch.cat([z, self.embedding(labels)], 1)
        if labels is not None and self.kind == "onehot":
            z = torch.cat([z, one_hot(labels, CLASSES).float()], 1)
        if labels is not None and self.kind == "product":
            z = z * self.embedding(labels)
        x = self._gained(self.norm1(self.first(z).view(-1, 2 * self.width, 4, 4)), labels, 0)
        x = self._gained(self.norm2(self.up1(relu(x))), labels, 1)
        return torch.tanh(self.up2(relu(x)))

    def _gained(self, x: Tensor, labels: Tensor | None, layer: int) -> Tensor:
        if labels is None or self.kind != "batchnorm":
            return x
        gain, bias = self.gains[layer](labels)[:, :, None, None].chunk(2, 1)
        return x * (1 + gain) + bias


class StyleGenerator(nn.Module):
    """A small StyleGAN (Karras et al. 2019), 16 x 16, without noise: a constant, and styles by a mapping net."""

    def __init__(self, width: int):
        super().__init__()
        self.mapping = nn.Sequential(nn.Linear(LATENTS, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2))
        self.constant = nn.Parameter(torch.randn(1, width, 4, 4))
        self.layers = nn.ModuleList([nn.Conv2d(width, width, 3, 1, 1), nn.Conv2d(width, width // 2, 3, 1, 1)])
        self.last = nn.Conv2d(width // 2, 1, 3, 1, 1)
        self.styles = nn.ModuleList([nn.Linear(64, 2 * width), nn.Linear(64, 2 * width), nn.Linear(64, width)])

    def forward(self, z: Tensor) -> Tensor:
        """Returns images in [-1, 1], ``(N, 1, 16, 16)``, of latents."""
        w = self.mapping(z / z.norm(dim=1, keepdim=True) * LATENTS**0.5)
        x = _styled(self.constant.expand(len(z), -1, -1, -1), self.styles[0](w))
        for layer, style in zip(self.layers, list(self.styles)[1:], strict=True):
            x = _styled(leaky_relu(layer(interpolate(x, scale_factor=2)), 0.2), style(w))
        return torch.tanh(self.last(x))


def _styled(x: Tensor, style: Tensor) -> Tensor:
    gain, bias = style[:, :, None, None].chunk(2, 1)
    normal = (x - x.mean((2, 3), keepdim=True)) / (x.std((2, 3), keepdim=True) + 1e-3)
    return normal * (1 + gain) + bias


class Discriminator(nn.Module):
    """Three strided convolutions and a linear layer, with labels as planes, by projection, or none."""

    def __init__(self, kind: str, width: int, *, batchnorm: bool = False, spectral: bool = False):
        super().__init__()
        self.kind = kind
        channels = [1 + CLASSES if kind == "onehot" else 1, width, 2 * width, 4 * width]
        layers: list[nn.Module] = []
        for before, after in pairwise(channels):
            conv = nn.Conv2d(before, after, 4, 2, 1)
            layers.append(nn.utils.parametrizations.spectral_norm(conv) if spectral else conv)
            layers += [nn.BatchNorm2d(after)] if batchnorm and after > width else []
            layers.append(nn.LeakyReLU(0.2))
        self.body, last = nn.Sequential(*layers, nn.Flatten()), nn.Linear(16 * width, 1)
        self.last = nn.utils.parametrizations.spectral_norm(last) if spectral else last
        if kind == "projection":  # Miyato and Koyama 2018
            self.embedding = nn.Embedding(CLASSES, 16 * width)
            nn.init.normal_(self.embedding.weight, 0, 0.02)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Returns scores ``(N,)`` of images, under class labels."""
        if labels is not None and self.kind == "onehot":
            planes = one_hot(labels, CLASSES).float()[:, :, None, None].expand(-1, -1, *images.shape[2:])
            images = torch.cat([images, planes], 1)
        features = self.body(images)
        scores = self.last(features)[:, 0]
        if labels is not None and self.kind == "projection":
            scores = scores + (features * self.embedding(labels)).sum(1)
        return scores


def new_classifier() -> nn.Module:
    """Returns a small classifier, ``(N, 1, 16, 16)`` to class scores ``(N, 10)``."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, 1, 1),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, 2, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(1024, CLASSES),
    )
