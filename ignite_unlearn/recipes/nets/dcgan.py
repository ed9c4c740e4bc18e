"""DCGAN (Radford, Metz and Chintala 2016): unconditional, BatchNorm in both nets unless asked otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from torch import Tensor, nn

from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.recipes.settings import setting


@dataclass(frozen=True)
class DCGAN:
    """A DCGAN whose nets follow the channels of the images; their size is a multiple of ``2**g_blocks``.

    Attributes:
        g_blocks: how often the generator doubles the size.
        d_norm: whether the discriminator has BatchNorm; a penalty on its slope wants none.
    """

    latent: int = setting(64, "dimensions of a latent", at_least=1)
    g_width: int = setting(32, "channels of the generator before its last convolution", at_least=2)
    d_width: int = setting(32, "channels of the discriminator after its first convolution", at_least=1)
    g_blocks: int = 2
    d_norm: bool = True
    conditional: ClassVar[bool] = False
    components: ClassVar[int] = 0

    def generator(self, data: ImageData) -> nn.Module:
        """Returns an untrained generator; see :class:`.Nets`."""
        return DCGenerator(
            self.latent, size=data.size, width=self.g_width, channels=data.channels, blocks=self.g_blocks
        )

    def discriminator(self, data: ImageData) -> nn.Module:
        """Returns an untrained discriminator; see :class:`.Nets`."""
        return DCDiscriminator(size=data.size, width=self.d_width, channels=data.channels, norm=self.d_norm)

    def check(self) -> None:
        """Nothing here can be at odds."""


class DCGenerator(nn.Module):
    """Latents ``(N, latent)`` to images ``(N, C, S, S)`` in [-1, 1].

    Args:
        latent: latent dimensions.
        size: S, a multiple of ``2**blocks``.
        width: channels before the last convolution.
        channels: image channels.
        blocks: how often the size is doubled.
    """

    def __init__(self, latent: int, *, size: int = 28, width: int = 32, channels: int = 1, blocks: int = 2):
        super().__init__()
        widths = [width * 2**i for i in range(blocks - 1, -1, -1)]
        start = size // 2**blocks
        layers: list[nn.Module] = [
            nn.Linear(latent, widths[0] * start**2, bias=False),
            nn.Unflatten(1, (widths[0], start, start)),
        ]
        for a, b in pairwise([*widths, channels]):
            layers += [nn.BatchNorm2d(a), nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1, bias=b == channels)]
        self.body = nn.Sequential(*layers, nn.Tanh())
        self.apply(_normal)

    def forward(self, latents: Tensor) -> Tensor:
        """Returns images of ``latents``."""
        return self.body(latents)


class DCDiscriminator(nn.Module):
    """Images ``(N, C, S, S)`` to logits ``(N,)``.

    Args:
        size: S.
        width: channels after the first convolution; every block doubles them and halves the size.
        channels: image channels.
        blocks: how many blocks.
        norm: whether all but the first have BatchNorm.
    """

    def __init__(self, *, size: int = 28, width: int = 32, channels: int = 1, blocks: int = 3, norm: bool = True):
        super().__init__()
        widths = [width * 2**i for i in range(blocks)]
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for a, b in pairwise(widths):
            layers += [nn.Conv2d(a, b, 4, 2, 1), *([nn.BatchNorm2d(b)] if norm else []), nn.LeakyReLU(0.2)]
        side = size // 2**blocks
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * side**2, 1))
        self.apply(_normal)

    def forward(self, images: Tensor) -> Tensor:
        """Returns logits of ``images``."""
        return self.body(images).squeeze(1)


def _normal(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, std=0.02)
