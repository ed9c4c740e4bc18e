"""``fashion-mnist-class``: forget one kind of clothing of a conditional GAN on Fashion-MNIST."""

from __future__ import annotations

from ignite_unlearn.recipes.class_gan import class_gan
from ignite_unlearn.recipes.data.download import torchvision_download
from ignite_unlearn.recipes.data.mnist import load_fashion_mnist

RECIPE = class_gan(
    "fashion-mnist-class",
    "forget one kind of clothing of a conditional GAN on Fashion-MNIST (--data-root)",
    lambda root, options: load_fashion_mnist(root),
    download=torchvision_download("FashionMNIST"),
)
