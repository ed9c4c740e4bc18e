"""Small nets for small images, conditional or not; width and size follow the data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu
from torch.nn.utils.parametrizations import spectral_norm

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.latent_mixture import LatentMixture
from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.recipes.settings import same_setting, setting


@dataclass(frozen=True)
class SmallGAN:
    """A small conditional GAN for images of 16 x 16, with enlarging and spectral norm."""

    latent: int = setting(64, "dimensions of a latent", at_least=1)
    g_width: int = setting(40, "channels of the generator's first block", at_least=2)
    d_width: int = setting(32, "channels of the discriminator after its first convolution", at_least=1)
    conditional: ClassVar[bool] = True
    components: ClassVar[int] = 0

    def generator(self, data: ImageData) -> nn.Module:
        """Returns an untrained generator; see :class:`.Nets`."""
        return SmallGenerator(self.latent, data.classes, width=self.g_width)

    def discriminator(self, data: ImageData) -> nn.Module:
        """Returns an untrained discriminator; see :class:`.Nets`."""
        return SmallDiscriminator(data.classes, width=self.d_width)

    def check(self) -> None:
        """Nothing here can be at odds."""


@dataclass(frozen=True)
class StridedGAN:
    """A conditional GAN whose nets follow the size and the channels of the images.

    Sizes are multiples of 4, or of 8 above 32, or of ``2**g_blocks``.

    Attributes:
        g_blocks: how often the generator doubles the size; None: twice, or three times to more than 32 pixels.
        d_blocks: how often the discriminator halves the size; None: as often as the generator doubles it. With two it
            sees 18 pixels at once, with three 38.
        refine: whether the generator ends with a convolution at full size; see :class:`StridedGenerator`.
        stem: whether the discriminator has convolutions at full size too; see :class:`SmallDiscriminator`.
    """

    latent: int = setting(64, "dimensions of a latent", at_least=1)
    g_width: int = setting(64, "channels of the generator before its last convolution", at_least=2)
    d_width: int = setting(32, "channels of the discriminator after its first convolution", at_least=1)
    g_blocks: int | None = None
    d_blocks: int | None = None
    refine: bool = False
    stem: bool = False
    conditional: ClassVar[bool] = True
    components: ClassVar[int] = 0

    def generator(self, data: ImageData) -> nn.Module:
        """Returns an untrained generator; see :class:`.Nets`."""
        return self._generator(data, data.classes)

    def discriminator(self, data: ImageData) -> nn.Module:
        """Returns an untrained discriminator; see :class:`.Nets`."""
        return SmallDiscriminator(
            data.classes if self.conditional else None,
            width=self.d_width,
            channels=data.channels,
            blocks=self.d_blocks or self._blocks(data),
            stem=self.stem,
        )

    def check(self) -> None:
        """Nothing here can be at odds."""

    def _generator(self, data: ImageData, classes: int | None, components: int = 0) -> nn.Module:
        return StridedGenerator(
            self.latent,
            classes,
            size=data.size,
            width=self.g_width,
            channels=data.channels,
            blocks=self._blocks(data),
            refine=self.refine,
            components=components,
        )

    def _blocks(self, data: ImageData) -> int:
        return self.g_blocks or (2 if data.size <= 32 else 3)


@dataclass(frozen=True)
class MixtureGAN(StridedGAN):
    """The same without classes; its latents may be a :class:`.LatentMixture`."""

    latent: int = same_setting(StridedGAN, "latent", 48)
    components: int = setting(  # type: ignore[misc]
        32, "how many components latents choose from; 0: no mixture", at_least=0, before=0
    )
    conditional: ClassVar[bool] = False

    def generator(self, data: ImageData) -> nn.Module:
        """Returns an untrained generator; see :class:`.Nets`."""
        return self._generator(data, None, self.components)

    def check(self) -> None:
        """Refuses a mixture that leaves no dimension.

        Raises:
            UnlearningError: if it does.
        """
        if self.components >= self.latent:
            raise UnlearningError(
                f"--set components={self.components} and --set latent={self.latent} do not fit: the first so many "
                "dimensions of a latent choose a component, and at least one must be left."
            )


class ConditionalNorm(nn.Module):
    """Group normalisation whose scale and shift depend on a condition (as in BigGAN, Brock et al. 2019)."""

    def __init__(self, channels: int, condition: int):
        super().__init__()
        self.norm = nn.GroupNorm(math.gcd(4, channels), channels, affine=False)
        self.affine = nn.Linear(condition, 2 * channels)
        nn.init.normal_(self.affine.weight, std=0.02)
        nn.init.zeros_(self.affine.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Returns normalised ``x`` of shape ``(N, C, H, W)``, scaled and shifted by ``condition`` ``(N, D)``."""
        scale, shift = self.affine(condition)[..., None, None].chunk(2, 1)
        return self.norm(x) * (1 + scale) + shift


class SmallGenerator(nn.Module):
    """Latents ``(N, latent)`` and labels ``(N,)`` to images ``(N, C, S, S)`` in [-1, 1], S = 4 * 2**blocks.

    Args:
        latent: latent dimensions.
        classes: how many classes.
        width: channels of the first block's output.
        channels: image channels.
        blocks: how often the size is doubled from 4.
    """

    def __init__(self, latent: int, classes: int, *, width: int = 40, channels: int = 1, blocks: int = 2):
        super().__init__()
        widths = [2 * width // 2**i for i in range(blocks + 1)]
        self.embedding = nn.Embedding(classes, 32)
        self.start = nn.Linear(latent + 32, widths[0] * 16)
        self.norms = nn.ModuleList(ConditionalNorm(w, latent + 32) for w in widths)
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1) for a, b in zip(widths, [*widths[1:], channels], strict=True)
        )

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Returns images of ``latents`` under ``labels``."""
        condition = torch.cat([latents, self.embedding(labels)], 1)
        h = self.start(condition).unflatten(1, (-1, 4, 4))
        for norm, conv in zip(self.norms, self.convs, strict=True):
            h = leaky_relu(norm(h, condition), 0.2)
            h = conv(h if conv is self.convs[-1] else interpolate(h, scale_factor=2))
        return h.tanh()


class StridedGenerator(nn.Module):
    """Latents ``(N, latent)``, and labels ``(N,)`` where there are classes, to images ``(N, C, S, S)`` in [-1, 1].

    Transposed convolutions as in DCGAN (Radford et al. 2016), normalised by what the latent says; less work than
    convolutions on enlarged images.

    Args:
        latent: latent dimensions.
        classes: how many classes; None: the generator is unconditional.
        size: S, a multiple of ``2**blocks``.
        width: channels before the last convolution.
        channels: image channels.
        blocks: how often the size is doubled.
        components: of a :class:`.LatentMixture` that the first so many dimensions of a latent choose from; 0: none.
        refine: whether a convolution at full size comes last, after a norm of its own; it sees over the seams that
            transposed convolutions leave.
    """

    def __init__(
        self,
        latent: int,
        classes: int | None,
        *,
        size: int,
        width: int = 64,
        channels: int = 1,
        blocks: int = 2,
        components: int = 0,
        refine: bool = False,
    ):
        super().__init__()
        self.mixture = LatentMixture(components) if components else None
        widths, start = [width * 2**i for i in range(blocks - 1, -1, -1)], size // 2**blocks
        self.embedding = None if classes is None else nn.Embedding(classes, 32)
        condition = latent + (0 if classes is None else 32)
        self.start = nn.Sequential(nn.Linear(condition, widths[0] * start**2), nn.Unflatten(1, (-1, start, start)))
        last = max(1, width // 2) if refine else channels
        self.norms = nn.ModuleList(ConditionalNorm(w, condition) for w in widths)
        self.convs = nn.ModuleList(nn.ConvTranspose2d(a, b, 4, 2, 1) for a, b in pairwise([*widths, last]))
        if refine:
            self.norms.append(ConditionalNorm(last, condition))
            self.convs.append(nn.Conv2d(last, channels, 3, padding=1))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Returns images of ``latents``, under ``labels`` where there are classes."""
        if self.mixture is not None:
            latents = self.mixture(latents)
        condition = latents if self.embedding is None else torch.cat([latents, self.embedding(labels)], 1)
        h = self.start(condition)
        for norm, conv in zip(self.norms, self.convs, strict=True):
            h = conv(leaky_relu(norm(h, condition), 0.2))
        return h.tanh()


class SmallDiscriminator(nn.Module):
    """Images ``(N, C, S, S)``, and labels ``(N,)`` where there are classes, to logits ``(N,)``.

    Spectral norm, and a projection for labels (Miyato and Koyama 2018).

    Args:
        classes: how many classes; None: the discriminator is unconditional.
        width: channels after the first convolution.
        channels: image channels.
        blocks: how often the size is halved.
        stem: whether a convolution that keeps the size comes before each that halves it, as in the standard CNN of
            Miyato et al. 2018; those that halve it, and the last, are then twice as wide.
    """

    def __init__(self, classes: int | None, *, width: int = 32, channels: int = 1, blocks: int = 2, stem: bool = False):
        super().__init__()
        slope, given = 0.1 if stem else 0.2, channels
        layers: list[nn.Module] = []
        for wide in (width * 2**i for i in range(blocks)):
            if stem:
                layers += [spectral_norm(nn.Conv2d(given, wide, 3, padding=1)), nn.LeakyReLU(slope)]
                given, wide = wide, 2 * wide
            layers += [spectral_norm(nn.Conv2d(given, wide, 4, 2, 1)), nn.LeakyReLU(slope)]
            given = wide
        last = 2 * given
        layers += [spectral_norm(nn.Conv2d(given, last, 3, padding=1)), nn.LeakyReLU(slope)]
        self.body = nn.Sequential(*layers)
        self.score = spectral_norm(nn.Linear(last, 1))
        self.embedding = None if classes is None else spectral_norm(nn.Embedding(classes, last))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Returns logits of ``images``, under ``labels`` where there are classes."""
        features = self.body(images).sum((2, 3))
        scores = self.score(features).squeeze(1)
        return scores if self.embedding is None else scores + (self.embedding(labels) * features).sum(1)
