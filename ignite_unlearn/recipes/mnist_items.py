"""``mnist-items``: forget single images of a DCGAN that overfits 1,500 images of MNIST."""

from __future__ import annotations

from ignite_unlearn.recipes.dcgan_items import dcgan_items
from ignite_unlearn.recipes.mnist import load_small_mnist

RECIPE = dcgan_items(
    "mnist-items",
    "forget single images of a DCGAN that overfits 1,500 images of MNIST (--data-root)",
    load_small_mnist,
    size=28,
    channels=1,
    g_blocks=2,
)
