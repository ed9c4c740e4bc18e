"""``cifar10-items``: forget single images of a DCGAN that overfits 5,000 images of CIFAR-10."""

from __future__ import annotations

from ignite_unlearn.recipes.data.cifar10 import load_small_cifar10
from ignite_unlearn.recipes.data.download import torchvision_download
from ignite_unlearn.recipes.dcgan_items import dcgan_items

RECIPE = dcgan_items(
    "cifar10-items",
    "forget single images of a DCGAN that overfits 5,000 images of CIFAR-10 (--data-root)",
    lambda root, options: load_small_cifar10(root),
    download=torchvision_download("CIFAR10"),
    g_blocks=3,
    iterations=40000,
    latent=128,
    g_width=48,
    d_width=48,
)
