"""``folder-items``: forget single images of a DCGAN on images of the user's."""

from __future__ import annotations

from ignite_unlearn.recipes.dcgan_items import dcgan_items
from ignite_unlearn.recipes.image_folder import load_image_folder

RECIPE = dcgan_items(
    "folder-items",
    "forget single images of a DCGAN on your own images, CLASS/*.png (--data-root)",
    lambda root, options: load_image_folder(root, size=options["size"], channels=options["channels"]),
    g_blocks=3,
    size=32,
    channels=3,
)
