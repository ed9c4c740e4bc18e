"""``folder-class``: forget one class of a conditional GAN on images of the user's."""

from __future__ import annotations

from ignite_unlearn.recipes.class_gan import class_gan
from ignite_unlearn.recipes.data.image_folder import load_image_folder

RECIPE = class_gan(
    "folder-class",
    "forget one class of a conditional GAN on your own images, CLASS/*.png (--data-root)",
    lambda root, options: load_image_folder(root, size=options["size"], channels=options["channels"]),
    classes=(),  # to be given: only the user knows them
    size=32,
    channels=3,
)
