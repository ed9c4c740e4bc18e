"""The nets of a LightningModule as a GAN."""

from __future__ import annotations

from typing import Any

from torch import nn

from ignite_unlearn import GAN, UnlearningError

_NAMES = {
    "generator": ("generator", "netG", "G", "gen"),
    "discriminator": ("discriminator", "netD", "D", "disc", "critic"),
}


def gan(module: nn.Module, **options: Any) -> GAN:
    """Returns the nets of a LightningModule as a GAN.

    Found by itself: the nets, by the attributes that they usually are; latents of shape ``(N, latent_dim)``, by
    ``module.hparams.latent_dim``; probabilities, where the last layer of the discriminator is ``nn.Sigmoid``.

    Args:
        module: the LightningModule.
        options: of :class:`ignite_unlearn.GAN`, ``generator`` and ``discriminator`` included; each takes the place of
            what would be found. A conditional GAN needs ``labels=number of classes``.

    Raises:
        UnlearningError: if the nets or the latents are not found, or do not fit.

    Example:
        >>> import torch
        >>> module = nn.Module()  # or a LightningModule
        >>> module.G = nn.Sequential(nn.Linear(8, 16), nn.Unflatten(1, (1, 4, 4)))
        >>> module.D = nn.Sequential(nn.Flatten(), nn.Linear(16, 1), nn.Sigmoid())
        >>> found = gan(module, latents=(8,))
        >>> found.scores, found.sample(5).shape
        ('probabilities', torch.Size([5, 1, 4, 4]))
    """
    found: dict[str, Any] = {net: _net(module, net) for net in _NAMES if net not in options}
    if "latents" not in options:
        latent_dim = getattr(module, "hparams", {}).get("latent_dim")
        if latent_dim is None:
            raise UnlearningError(
                f"{type(module).__name__} does not say in hparams.latent_dim how long a latent is: give its shape, "
                "gan(module, latents=(100,)), or save_hyperparameters() in the module."
            )
        found["latents"] = (latent_dim,)
    made = GAN(**(found | options))
    if "scores" not in options and isinstance(list(made.discriminator.modules())[-1], nn.Sigmoid):
        made.scores = "probabilities"
    return made


def _net(module: nn.Module, net: str) -> nn.Module:
    for name in _NAMES[net]:
        there = getattr(module, name, None)
        if isinstance(there, nn.Module):
            return there
    raise UnlearningError(
        f"{type(module).__name__} has no {net} under a usual name ({', '.join(_NAMES[net])}): give it, "
        f"gan(module, {net}=module.mine)."
    )
