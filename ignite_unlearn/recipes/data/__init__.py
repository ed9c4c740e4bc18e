"""Data of recipes: real images in [-1, 1], parted into those that a GAN is trained on and unseen ones."""

from ignite_unlearn.recipes.data.cifar10 import CIFAR10, SmallCIFAR10
from ignite_unlearn.recipes.data.digits import Digits, FewDigits
from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.recipes.data.image_folder import ImageFolder
from ignite_unlearn.recipes.data.mnist import MNIST, FashionMNIST, SmallMNIST
from ignite_unlearn.recipes.data.source import Data
from ignite_unlearn.recipes.data.split import Split

__all__ = [
    "CIFAR10",
    "MNIST",
    "Data",
    "Digits",
    "FashionMNIST",
    "FewDigits",
    "ImageData",
    "ImageFolder",
    "SmallCIFAR10",
    "SmallMNIST",
    "Split",
]
