"""What a recipe is: data, nets and numbers; how they are run is the same for all (see run.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.recipes.methods.choices import check_together
from ignite_unlearn.recipes.settings import setting_of, show_value
from ignite_unlearn.recipes.training.learning_steps import LearningStep


@dataclass(frozen=True)
class Recipe:
    """A stock recipe.

    Attributes:
        name: as the launcher knows it.
        summary: one line.
        options: every key that ``--set`` takes, with its default. What fits is told by ``SETTINGS`` in settings.py, or
            by the default's type where the name is not in there.
        load_data: ``(data_root, options) -> ImageData``; raises UnlearningError where a root is needed or does not fit.
        generator: ``(options, data) -> net`` for latents ``(N, latent)``, and labels if it is conditional.
        discriminator: ``(options, data) -> net`` for images, and labels if it is conditional.
        learning_step: how both are trained.
        conditional: whether they take labels.
        classifier: ``data -> net`` with ``features(images) -> (N, F)`` and ``forward(images) -> class scores``.
        download: ``folder ->``, which gets the data where ``load_data`` finds it; None where there is nothing to get.
    """

    name: str
    summary: str
    options: Mapping[str, Any]
    load_data: Callable[[Path | None, Mapping[str, Any]], ImageData]
    generator: Callable[[Mapping[str, Any], ImageData], nn.Module]
    discriminator: Callable[[Mapping[str, Any], ImageData], nn.Module]
    classifier: Callable[[ImageData], nn.Module]
    learning_step: LearningStep
    conditional: bool
    download: Callable[[Path], object] | None = None

    @property
    def forgets_items(self) -> bool:
        """Whether single images are forgotten, rather than classes."""
        return "items" in self.options


def parse_options(recipe: Recipe, settings: tuple[str, ...]) -> dict[str, Any]:
    """Returns the recipe's options with ``key=value`` settings applied.

    Raises:
        UnlearningError: if a key is unknown, or a value of any option does not fit.
    """
    options = dict(recipe.options)
    for key, value in options.items():
        setting_of(key, value).check(key, value)
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or key not in options:
            raise UnlearningError(
                f"--set {setting!r} is not an option of {recipe.name}: expected key=value with one of the keys "
                f"{', '.join(options)}."
            )
        default = recipe.options[key]
        options[key] = setting_of(key, default).read(key, text, default)
    check_together(options, conditional=recipe.conditional)
    return options


def as_settings(recipe: Recipe, options: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns checked options as ``key=value`` settings, from which :func:`parse_options` makes them again."""
    named = {key for key, default in recipe.options.items() if default == () and key in options}
    numbers = {key: tuple(f"#{k}" for k in options[key]) for key in named}
    return tuple(f"{key}={show_value(value)}" for key, value in {**options, **numbers}.items())


def describe_options(recipe: Recipe) -> str:
    """Returns the options, a line each: the default as ``--set`` takes it, the meaning, and what fits."""
    shown = {f"{key}={show_value(value)}": setting_of(key, value).describe() for key, value in recipe.options.items()}
    width = max(map(len, shown))
    return "\n".join(f"  {option:{width}}  {text}".rstrip() for option, text in shown.items())
