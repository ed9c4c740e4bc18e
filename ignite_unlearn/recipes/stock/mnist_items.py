"""``mnist-items``: forget single images of a DCGAN that overfits 1,500 images of MNIST."""

from __future__ import annotations

from ignite_unlearn.recipes.data.download import torchvision_download
from ignite_unlearn.recipes.data.mnist import load_small_mnist
from ignite_unlearn.recipes.dcgan_items import dcgan_items

RECIPE = dcgan_items(
    "mnist-items",
    "forget single images of a DCGAN that overfits 1,500 images of MNIST (--data-root)",
    lambda root, options: load_small_mnist(root),
    download=torchvision_download("MNIST"),
    g_blocks=2,
)
