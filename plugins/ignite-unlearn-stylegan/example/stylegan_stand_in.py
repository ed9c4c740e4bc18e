"""A small GAN with the call signatures of stylegan2-ada-pytorch and stylegan3, written anew: none of NVIDIA's code.

What it shares with theirs is how nets and losses are called, which attributes say their sizes, and which state they
keep: ``w_avg``, ``noise_const``, groups of the minibatch statistics, ``pl_mean``. The images it makes are 16 x 16.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, softplus


class Mapping(nn.Module):
    """``mapping(z, c)`` as in stylegan2-ada-pytorch: ``w_avg`` is renewed by every call in train mode."""

    def __init__(self, z_dim: int, c_dim: int, w_dim: int, num_ws: int):
        super().__init__()
        self.c_dim, self.num_ws = c_dim, num_ws
        self.embed = nn.Linear(c_dim, w_dim) if c_dim else None
        self.layers = nn.Sequential(
            nn.Linear(z_dim + (w_dim if c_dim else 0), w_dim), nn.LeakyReLU(0.2), nn.Linear(w_dim, w_dim)
        )
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(
        self,
        z: Tensor,
        c: Tensor,
        truncation_psi: float = 1,
        truncation_cutoff: int | None = None,
        skip_w_avg_update: bool = False,
    ) -> Tensor:
        """Returns ``(N, num_ws, w_dim)``."""
        return self._mapped(z, c, truncation_psi, truncation_cutoff, self.training and not skip_w_avg_update)

    def _mapped(self, z: Tensor, c: Tensor, psi: float, cutoff: int | None, renew: bool) -> Tensor:
        given = [z] if self.embed is None else [z, self.embed(c)]
        w = self.layers(torch.cat([_unit(x) for x in given], 1))
        if renew:
            self.w_avg.lerp_(w.detach().mean(0), 0.01)
        ws = w[:, None].repeat(1, self.num_ws, 1)
        truncated = torch.lerp(self.w_avg.expand_as(ws), ws, psi)
        return truncated if cutoff is None else torch.cat([truncated[:, :cutoff], ws[:, cutoff:]], 1)


class Mapping3(Mapping):
    """``mapping(z, c)`` as in stylegan3: ``w_avg`` is renewed where asked for."""

    def forward(
        self,
        z: Tensor,
        c: Tensor,
        truncation_psi: float = 1,
        truncation_cutoff: int | None = None,
        update_emas: bool = False,
    ) -> Tensor:
        """Returns ``(N, num_ws, w_dim)``."""
        return self._mapped(z, c, truncation_psi, truncation_cutoff, update_emas)


class Layer(nn.Module):
    """A convolution whose input channels are scaled by w, and noise."""

    def __init__(self, w_dim: int, channels: int, out: int, size: int):
        super().__init__()
        self.style, self.conv = nn.Linear(w_dim, channels), nn.Conv2d(channels, out, 3, padding=1)
        self.register_buffer("noise_const", torch.randn(size, size))
        self.noise_strength = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, w: Tensor, noise_mode: str) -> Tensor:
        """Returns ``(N, out, size, size)``."""
        x = self.conv(_unit(x) * (1 + self.style(w))[:, :, None, None])
        if noise_mode != "none":
            noise = self.noise_const if noise_mode == "const" else torch.randn_like(x[:, :1])
            x = x + noise * self.noise_strength
        return x


class Synthesis(nn.Module):
    """``synthesis(ws)``: images from 4 x 4 upwards."""

    def __init__(self, w_dim: int, channels: int, img_channels: int):
        super().__init__()
        self.const = nn.Parameter(torch.randn(channels, 4, 4))
        self.layers = nn.ModuleList([Layer(w_dim, channels, channels, size) for size in (4, 8, 16)])
        self.last = Layer(w_dim, channels, img_channels, 16)
        self.num_ws = 4

    def forward(
        self, ws: Tensor, noise_mode: str = "random", force_fp32: bool = False, update_emas: bool = False
    ) -> Tensor:
        """Returns images ``(N, img_channels, 16, 16)``."""
        x = self.const.expand(len(ws), -1, -1, -1)
        for index, layer in enumerate(self.layers):
            x = x if index == 0 else interpolate(x, scale_factor=2, mode="bilinear")
            x = leaky_relu(layer(x, ws[:, index], noise_mode), 0.2)
        return self.last(x, ws[:, -1], noise_mode)


class Generator(nn.Module):
    """``G(z, c)``, of either checkout by its class of mapping network."""

    def __init__(self, c_dim: int, mapping: type[Mapping] = Mapping, z_dim: int = 32, w_dim: int = 64, width: int = 32):
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim, self.img_resolution, self.img_channels = z_dim, c_dim, w_dim, 16, 1
        self.synthesis = Synthesis(w_dim, width, self.img_channels)
        self.num_ws = self.synthesis.num_ws
        self.mapping = mapping(z_dim, c_dim, w_dim, self.num_ws)

    def forward(
        self, z: Tensor, c: Tensor, truncation_psi: float = 1, truncation_cutoff: int | None = None, **options: object
    ) -> Tensor:
        """Returns images ``(N, img_channels, 16, 16)``."""
        ws = self.mapping(z, c, truncation_psi=truncation_psi, truncation_cutoff=truncation_cutoff)
        return self.synthesis(ws, **options)


class MinibatchStd(nn.Module):
    """One more channel: how much rows of a group differ. Rows must fill their groups."""

    def __init__(self, group_size: int = 4):
        super().__init__()
        self.group_size = group_size

    def forward(self, x: Tensor) -> Tensor:
        """Returns ``(N, channels + 1, ...)``."""
        size = min(self.group_size, len(x))
        spread = (x.reshape(size, -1, *x.shape[1:]).var(0, unbiased=False) + 1e-8).sqrt().flatten(1).mean(1)
        return torch.cat([x, spread.repeat(size)[:, None, None, None].expand_as(x[:, :1])], 1)


class Discriminator(nn.Module):
    """``D(img, c)``, a projection discriminator."""

    def __init__(self, c_dim: int, width: int = 32):
        super().__init__()
        self.c_dim, self.img_resolution, self.img_channels = c_dim, 16, 1
        self.convs = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(width, width, 4, 2, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, 2, 1), nn.LeakyReLU(0.2), MinibatchStd(),
        )  # fmt: skip
        self.out = nn.Linear((2 * width + 1) * 16, 64 if c_dim else 1)
        self.embed = nn.Linear(c_dim, 64) if c_dim else None

    def forward(self, img: Tensor, c: Tensor, update_emas: bool = False, force_fp32: bool = False) -> Tensor:
        """Returns logits ``(N, 1)``."""
        x = self.out(self.convs(img).flatten(1))
        return x if self.embed is None else (x * _unit(self.embed(c))).sum(1, keepdim=True) / 8


class AdaLoss:
    """``accumulate_gradients`` as in stylegan2-ada-pytorch: it is given the generator's two halves, and ``sync``.

    The non-saturating loss (Goodfellow et al. 2014) with R1 (Mescheder et al. 2018) and path lengths (Karras et al.
    2020).
    """

    def __init__(self, G_mapping: nn.Module, G_synthesis: nn.Module, D: nn.Module):  # noqa: N803 - their names
        self.mapping, self.synthesis, self.discriminator = G_mapping, G_synthesis, D
        self.pl_mean = torch.zeros(())

    def accumulate_gradients(
        self,
        phase: str,
        real_img: Tensor,
        real_c: Tensor,
        gen_z: Tensor,
        gen_c: Tensor,
        sync: bool,
        gain: float,
    ) -> None:
        """Adds one training phase's gradients."""
        self._accumulate(phase, real_img, real_c, gen_z, gen_c, gain)

    def _map(self, z: Tensor, c: Tensor, renew: bool) -> Tensor:
        return self.mapping(z, c, skip_w_avg_update=not renew)

    def _accumulate(self, phase: str, real: Tensor, real_c: Tensor, z: Tensor, c: Tensor, gain: float) -> None:
        if phase in ("Gmain", "Gboth"):
            fakes = self.synthesis(self._map(z, c, renew=False))
            (softplus(-self.discriminator(fakes, c)).mean() * gain).backward()
        if phase in ("Greg", "Gboth"):
            (self._path_lengths(z[::2], c[::2]) * gain).backward()
        if phase in ("Dmain", "Dboth"):
            fakes = self.synthesis(self._map(z, c, renew=True))
            (softplus(self.discriminator(fakes, c)).mean() * gain).backward()
            (softplus(-self.discriminator(real, real_c)).mean() * gain).backward()
        if phase in ("Dreg", "Dboth"):
            shown = real.detach().requires_grad_(True)
            (slope,) = torch.autograd.grad(self.discriminator(shown, real_c).sum(), shown, create_graph=True)
            (slope.square().flatten(1).sum(1).mean() * 0.05 * gain).backward()

    def _path_lengths(self, z: Tensor, c: Tensor) -> Tensor:
        ws = self._map(z, c, renew=False)
        images = self.synthesis(ws)
        (slope,) = torch.autograd.grad((images * torch.randn_like(images) / 16).sum(), ws, create_graph=True)
        lengths = slope.square().sum(2).mean(1).sqrt()
        self.pl_mean = self.pl_mean.lerp(lengths.detach().mean(), 0.01)
        return (lengths - self.pl_mean).square().mean() * 0.1


class Loss3(AdaLoss):
    """As in stylegan3: it is given the whole generator, and ``cur_nimg`` in place of ``sync``."""

    def __init__(self, G: nn.Module, D: nn.Module):  # noqa: N803 - their names
        super().__init__(G.mapping, G.synthesis, D)
        self.seen: list[int] = []

    def accumulate_gradients(
        self, phase: str, real_img: Tensor, real_c: Tensor, gen_z: Tensor, gen_c: Tensor, gain: float, cur_nimg: int
    ) -> None:
        """Adds one training phase's gradients."""
        self.seen.append(cur_nimg)
        self._accumulate(phase, real_img, real_c, gen_z, gen_c, gain)

    def _map(self, z: Tensor, c: Tensor, renew: bool) -> Tensor:
        return self.mapping(z, c, update_emas=renew)


def _unit(x: Tensor) -> Tensor:
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()
