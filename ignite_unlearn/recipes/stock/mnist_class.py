"""``mnist-class``: forget one digit of a conditional GAN on MNIST."""

from __future__ import annotations

from ignite_unlearn.recipes.class_gan import class_gan
from ignite_unlearn.recipes.data.download import torchvision_download
from ignite_unlearn.recipes.data.mnist import load_mnist

RECIPE = class_gan(
    "mnist-class",
    "forget one digit of a conditional GAN on MNIST (--data-root)",
    lambda root, options: load_mnist(root),
    download=torchvision_download("MNIST"),
)
