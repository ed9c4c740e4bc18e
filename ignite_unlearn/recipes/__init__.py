"""Stock recipes of the launcher; each is loaded only when it is asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ignite_unlearn.errors import UnlearningError

if TYPE_CHECKING:
    from ignite_unlearn.recipes.recipe import Recipe

RECIPES = {
    "digits-class": (
        "ignite_unlearn.recipes.stock.digits_class",
        "forget one digit of a conditional GAN (embedded data, 3 minutes)",
    ),
    "mnist-class": (
        "ignite_unlearn.recipes.stock.mnist_class",
        "forget one digit of a conditional GAN (MNIST by --data-root, 10 minutes)",
    ),
    "mnist-class-unconditional": (
        "ignite_unlearn.recipes.stock.mnist_class_unconditional",
        "the same of a GAN that knows no classes; a classifier finds the digit",
    ),
    "fashion-mnist-class": (
        "ignite_unlearn.recipes.stock.fashion_mnist_class",
        "forget one kind of clothing (Fashion-MNIST by --data-root, 10 minutes)",
    ),
    "cifar10-class": (
        "ignite_unlearn.recipes.stock.cifar10_class",
        "forget one class of CIFAR-10 (by --data-root; long: meant for a GPU)",
    ),
    "folder-class": (
        "ignite_unlearn.recipes.stock.folder_class",
        "forget a class of your own images (CLASS/*.png by --data-root, --set classes=NAME)",
    ),
    "mnist-items": (
        "ignite_unlearn.recipes.stock.mnist_items",
        "forget single images of an overfitted DCGAN (MNIST by --data-root, 10 minutes)",
    ),
    "cifar10-items": (
        "ignite_unlearn.recipes.stock.cifar10_items",
        "the same for CIFAR-10 (by --data-root; long: meant for a GPU)",
    ),
    "folder-items": (
        "ignite_unlearn.recipes.stock.folder_items",
        "forget single images of your own (by --data-root, --set files=a.png,b/c.png)",
    ),
}


def load_recipe(name: str) -> Recipe:
    """Returns a recipe.

    Raises:
        UnlearningError: if there is no recipe of this name.
    """
    if name not in RECIPES:
        raise UnlearningError(f"There is no recipe {name!r}: choose of {', '.join(RECIPES)}.")
    return importlib.import_module(RECIPES[name][0]).RECIPE
