"""``mnist-class-unconditional``: forget one digit of a GAN that knows no classes; a classifier finds it."""

from __future__ import annotations

from ignite_unlearn.recipes.class_gan import class_gan
from ignite_unlearn.recipes.data.download import torchvision_download
from ignite_unlearn.recipes.data.mnist import load_mnist

RECIPE = class_gan(
    "mnist-class-unconditional",
    "forget one digit of an unconditional GAN on MNIST; a classifier finds it (--data-root)",
    lambda root, options: load_mnist(root),
    conditional=False,
    download=torchvision_download("MNIST"),
    d_blocks=3,
    classes=(8,),
    iterations=4500,
)
