"""``folder-items``: forget single images of a DCGAN on images of the user's."""

from __future__ import annotations

from ignite_unlearn.recipes.data.image_folder import load_image_folder
from ignite_unlearn.recipes.dcgan_items import dcgan_items
from ignite_unlearn.utils.image_files import named_files

RECIPE = dcgan_items(
    "folder-items",
    "forget single images of a DCGAN on your own images (--data-root); files= says which",
    lambda root, options: load_image_folder(
        root,
        size=options["size"],
        channels=options["channels"],
        flat=True,
        trained=named_files(options["files"]),
    ),
    g_blocks=3,
    files="",  # a.png,b/c.png or @list.txt; none: as many as items= says, drawn by the seed
    size=32,
    channels=3,
)
