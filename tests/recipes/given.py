"""Data of a test, in the place of a recipe's."""

from dataclasses import dataclass, replace

from ignite_unlearn import UnlearningError
from ignite_unlearn.recipes.data import ImageData


@dataclass(frozen=True)
class Given:
    """Images that are there; nothing is read."""

    images: ImageData

    def load(self, root, named=()):
        return self.images

    def download(self, folder):
        raise UnlearningError("nothing to download")


@dataclass(frozen=True)
class Unread:
    """Data that must not be read."""

    def load(self, root, named=()):
        raise AssertionError("read")


def on(recipe, images):
    """Returns the recipe on other data."""
    return replace(recipe, data=Given(images))
