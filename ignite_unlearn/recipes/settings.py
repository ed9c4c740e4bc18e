"""What is known of the options that ``--set`` takes: what each means, which values fit, and how text becomes one."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.recipes.methods import choices
from ignite_unlearn.recipes.training.augment import AUGMENTATIONS
from ignite_unlearn.recipes.training.precision import PRECISIONS

_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    tuple: "whole numbers separated by commas",
}


@dataclass(frozen=True)
class Setting:
    """An option.

    Attributes:
        kind: of its values; a tuple is one of whole numbers, each named once, in the order given, or, where the default
            is empty, of names that only the data knows.
        text: what it means, as ``show`` says it.
        at_least: the smallest number that fits.
        above: numbers that fit are larger.
        at_most: the largest number that fits.
        choices: the names that fit; none: all do.
        before: what a training did that knew no such option yet; None: it cannot be known.
    """

    kind: type
    text: str = ""
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    choices: Collection[str] = ()
    before: Any = None

    def read(self, key: str, text: str, default: Any) -> Any:
        """Returns the value that a text stands for.

        Raises:
            UnlearningError: if it stands for none, or for one that does not fit.
        """
        try:
            value = self._value(text, default)
        except (ValueError, KeyError):
            raise UnlearningError(
                f"--set {key}={text} does not fit: expected {_WORDS[self.kind]}, such as {show_value(default)}."
            ) from None
        self.check(key, value)
        return value

    def check(self, key: str, value: Any) -> None:
        """Checks a value.

        Raises:
            UnlearningError: if it does not fit.
        """
        if self.choices and value not in self.choices:
            raise UnlearningError(f"--set {key}={value} is not known: choose of {', '.join(self.choices)}.")
        wrong = None
        if self.kind is tuple:
            twice = [part for i, part in enumerate(value) if part in value[:i]]
            wrong = f"{twice[0]} is named twice" if twice else None
        elif self.kind in (int, float) and not self._fits(value):
            wrong = f"expected {self._bounds() or 'a finite number'}"
        if wrong:
            raise UnlearningError(f"--set {key}={show_value(value)} does not fit: {wrong}.")

    def describe(self) -> str:
        """Returns what the option means and what fits, in a line."""
        fits = f"one of {', '.join(self.choices)}" if self.choices else self._bounds()
        return "; ".join(part for part in (self.text, fits) if part)

    def _value(self, text: str, default: Any) -> Any:
        if self.kind is bool:
            return {"true": True, "false": False}[text.strip().lower()]
        if self.kind is tuple:
            read: Callable[[str], Any] = int if default else str.strip
            return tuple(read(part) for part in text.split(",") if part.strip())
        return self.kind(text)

    def _fits(self, value: float) -> bool:
        return (
            math.isfinite(value)
            and (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
        )

    def _bounds(self) -> str:
        named = ((self.at_least, "at least"), (self.above, "more than"), (self.at_most, "at most"))
        return " and ".join(f"{words} {bound:g}" for bound, words in named if bound is not None)


def _count(text: str, at_least: float = 1, **more: Any) -> Setting:
    return Setting(int, text, at_least=at_least, **more)


def _number(text: str, **bounds: Any) -> Setting:
    return Setting(float, text, **bounds)


def _choice(text: str, names: Collection[str], **more: Any) -> Setting:
    return Setting(str, text, choices=tuple(names), **more)


# A name means the same in all recipes.
SETTINGS: Mapping[str, Setting] = {
    "classes": Setting(tuple, "the classes to forget"),
    "items": _count("how many training images to forget"),
    "first_item": _count("which of the seed's order of training images is the first to forget", 0),
    "files": Setting(
        str, "which images to forget, in place of items: names separated by commas, or @FILE with one a line"
    ),
    "size": _count("height and width of the images that the GAN makes", 16),
    "channels": _count("1 for grey, 3 for colour", 1, at_most=3),
    # The original and the retrained GAN.
    "iterations": _count("learning steps of the original"),
    "batch_size": _count("images in a learning step", 2),
    "g_lr": _number("the generator's learning rate at first; in the end, and while unlearning, a tenth", above=0),
    "d_lr": _number("the discriminator's learning rate, likewise", above=0),
    "latent": _count("dimensions of a latent"),
    "components": _count("how many components latents choose from; 0: no mixture", 0, before=0),
    "g_width": _count("channels of the generator before its last convolution", 2),
    "d_width": _count("channels of the discriminator after its first convolution"),
    "precision": _choice("of the losses", PRECISIONS, before="float32"),
    "compile": _choice("torch.compile's backend for the original's training", choices.COMPILERS),
    "augment": _choice("what is done to images before the discriminator", AUGMENTATIONS, before="none"),
    # The phase.
    "substitution": _choice("what forgotten latents are to show", choices.SUBSTITUTIONS),
    "fake_label": _choice("what the discriminator is to say of forgotten images", choices.FAKE_LABELS),
    "start": _choice("what is done in closed form first", choices.STARTS),
    "pool": _count("latents of forgotten images that are looked up"),
    "unlearning_iterations": _count("iterations after which the phase ends at the latest"),
    "unlearning_batch_size": _count("forgotten latents, and as many retained ones, in an unlearning step"),
    "unlearning_steps": _count("the generator's unlearning steps in an iteration"),
    "unlearning_lr": _number("learning rate of the unlearning steps", at_least=0),
    "unlearning_eps": _number("eps of their Adam", above=0),
    "embedding_lr": _number("their learning rate for the table of labels", at_least=0),
    "anchor": _number("weight of what is to stay as it is", at_least=0),
    "every": _count("learning steps from one unlearning step to the next"),
    "candidates": _count("latents that an inversion begins with"),
    "inversion_steps": _count("gradient steps of an inversion", 0),
    "generator_half": _choice("when the generator is unlearned", choices.GENERATOR_HALVES),
    "discriminator_step": _choice("how the discriminator is unlearned", choices.DISCRIMINATOR_STEPS),
    "held_rows": _count("retained images that a Gauss-Newton step holds"),
    "ridge": _number("of the Gauss-Newton step; larger moves less", above=0),
    "later": _count("learning steps after the phase, for the numbers called later"),
    # When it ends, and how it is judged.
    "share_tolerance": _number("how much more than its substitutes a class may show; -2: none", at_least=-2, at_most=1),
    "fid_tolerance": _number("how much the FID may rise, as a share of the original's", at_least=0),
    "judge_every": _count("iterations from one judgement to the next"),
    "judge_samples": _count("images of a judgement, of each class where there are labels", 2),
    "samples": _count("images that the numbers are measured on, of each class where there are labels", 2),
}


def setting_of(key: str, default: Any) -> Setting:
    """Returns what is known of an option: by its name, or, for a recipe's own, by the type of its default.

    Raises:
        UnlearningError: if no text could become a value of that type.
    """
    known = SETTINGS.get(key)
    if known is not None and (type(default) is known.kind or (known.kind is float and type(default) is int)):
        return known
    if type(default) not in _WORDS:
        raise UnlearningError(
            f"The option {key} has the default {default!r}: expected {', '.join(_WORDS.values())}, as --set takes it."
        )
    return Setting(type(default))


def show_value(value: Any) -> str:
    """Returns an option's value as ``--set`` takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
