"""``cifar10-class``: forget one class of a conditional GAN on CIFAR-10."""

from __future__ import annotations

from ignite_unlearn.recipes.class_gan import class_gan
from ignite_unlearn.recipes.data.cifar10 import load_cifar10
from ignite_unlearn.recipes.data.download import torchvision_download

RECIPE = class_gan(
    "cifar10-class",
    "forget one class of a conditional GAN on CIFAR-10 (--data-root; long: meant for a GPU)",
    lambda root, options: load_cifar10(root),
    download=torchvision_download("CIFAR10"),
    d_blocks=3,
    substitution="unconfused_class",
    judge_every=1,  # costs less than half of an iteration
    iterations=50000,
    latent=128,
    g_width=128,
    d_width=96,
)
