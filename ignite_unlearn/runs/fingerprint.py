"""What a training depends on: noted by watching what it reads, and compared with notes of older trainings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.recipes.recipe import Recipe
from ignite_unlearn.recipes.settings import SETTINGS
from ignite_unlearn.recipes.training.gan_training import GANTraining

_SPEED = {"compile"}  # changes how fast the same numbers are had, up to rounding; like the device, it is not noted


class Watched(Mapping[str, Any]):
    """A mapping that notes which keys are looked up.

    Example:
        >>> options = Watched({"latent": 8, "samples": 500})
        >>> options["latent"], options.get("absent"), options.read
        (8, None, {'latent'})
    """

    def __init__(self, content: Mapping[str, Any]):
        self._content = content
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        value = self._content[key]
        self.read.add(key)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)


def options_read(
    recipe: Recipe, options: Mapping[str, Any], data: ImageData, device: torch.device
) -> tuple[dict[str, Any], dict[str, nn.Module]]:
    """Returns the options that the training of an original reads, with their values, and its untrained nets by name.

    The nets and their training are made once to see it; nothing is trained, and no random number of others is used up.
    """
    watched = Watched(options)
    with torch.random.fork_rng(devices=[]):
        generator, discriminator = recipe.generator(watched, data), recipe.discriminator(watched, data)
    GANTraining(generator.to(device), discriminator.to(device), recipe.learning_step, watched)
    nets = {"generator": generator, "discriminator": discriminator}
    # How long, and on how many images at a time, is asked by what runs it.
    read = (watched.read | {"iterations", "batch_size"}) - _SPEED
    return {key: value for key, value in options.items() if key in read}, nets


def differences(noted: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """Returns in what two fingerprints, or two sets of options, differ, each in words; none where they are the same.

    An older note may lack an option that there was not yet: it then counts as what a training did without it. Classes
    are compared whatever their order.

    Args:
        noted: how something was made.
        asked: how it should be made now.

    Example:
        >>> asked = {"seed": 1, "augment": "none", "classes": (4, 1)}
        >>> differences({"seed": 1, "classes": [1, 4]}, asked), differences({"seed": 0, "classes": [1, 4]}, asked)
        ([], ['seed=0 (now 1)'])
    """
    found = []
    for key in dict.fromkeys([*asked, *noted]):
        old, new = (_value(key, content) for content in (noted, asked))
        if old != new:
            was, now = (f"{key}={value}" if value is not None else f"no {key}" for value in (old, new))
            found.append(f"{was} (now {now if new is None or old is None else new})")
    return found


def _value(key: str, content: Mapping[str, Any]) -> Any:
    value = content.get(key, SETTINGS[key].before if key in SETTINGS else None)
    if isinstance(value, (tuple, list)):
        return sorted(value) if key == "classes" else list(value)
    return value
