"""The figures that are told of a GAN: one list, from which every table takes its titles and its formats.

A figure that is added here is in the record's page, in what the launcher prints and in the pages of benchmarks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

_LATER = re.compile(r"_later(?:_\d{1,9})?$")


def _parted(key: str) -> tuple[str, str]:
    """Returns a key without what says that it is measured later, and that."""
    found = _LATER.search(key)
    return (key, "") if found is None else (key[: found.start()], found.group())


@dataclass(frozen=True)
class Figure:
    """A number that is told of a GAN.

    Attributes:
        key: its name in ``record.json``; the ends of its interval are ``key_low`` and ``key_high``, and those of
            ``key_later``, what is measured some learning steps later, ``key_low_later`` and ``key_high_later``. Looks
            after the first have their steps in their names: ``key_later_2000``, ``key_low_later_2000``.
        title: what people read.
        form: how a benchmark writes it, where numbers of several runs stand below each other.
        better: which direction is better; ``"retrained"``: the nearer to the retrained GAN's; None: neither by itself.
        unit: of the number; empty for a share or a distance.
        quality: whether it tells how good images are and not how much is forgotten.
        promised: whether every record has it, null where it was not measured.
        interval: whether the ends of its interval are promised too.
        benchmarked: whether the pages of class benchmarks show it.
        audit: the key of the audit whose value it is, if any.
    """

    key: str
    title: str
    form: str = ".4g"
    better: Literal["lower", "higher", "retrained"] | None = None
    unit: str = ""
    quality: bool = False
    promised: bool = False
    interval: bool = False
    benchmarked: bool = False
    audit: str | None = None

    @property
    def name(self) -> str:
        """The title with its unit."""
        return f"{self.title}, {self.unit}" if self.unit else self.title

    @property
    def ends(self) -> tuple[str, str]:
        """The keys of the ends of its interval."""
        of, later = _parted(self.key)
        return f"{of}_low{later}", f"{of}_high{later}"

    def cell(self, numbers: Mapping[str, Any]) -> str:
        """Returns the figure among a GAN's numbers, to four digits, or to three with its interval; else ``"-"``.

        Example:
            >>> FIGURES["forgotten_share"].cell({"forgotten_share": 0.1, "forgotten_share_low": 0.05,
            ...                                  "forgotten_share_high": 0.2})
            '0.1 [0.05, 0.2]'
        """
        found = (numbers.get(key) for key in (self.key, *self.ends))
        value, low, high = (number if isinstance(number, (int, float)) else None for number in found)
        if value is None:
            return "-"
        return f"{value:.4g}" if low is None or high is None else f"{value:.3g} [{low:.3g}, {high:.3g}]"


_LIST = (
    Figure("fid", "FID of retained images", ".3f", "lower", quality=True, promised=True, benchmarked=True),
    Figure("kid", "KID of retained images", ".5f", "lower", quality=True, promised=True, benchmarked=True),
    Figure("ret_fid", "FID to the retrained GAN", ".3f", "lower", quality=True, promised=True, benchmarked=True),
    Figure("density", "density", ".3f", "higher", quality=True),
    Figure("coverage", "coverage", ".3f", "higher", quality=True, benchmarked=True),
    Figure("forgotten_share", "forgotten share", ".4f", "retrained", promised=True, benchmarked=True),
    Figure("forgotten_share_later", "the same, learning on", ".4f", "retrained"),
    Figure("share_above_substitutes", "forgotten share above that of the substitutes", ".4f", "lower"),
    Figure("left_share", "forgotten latents that still show their image", ".4f", "lower"),
    Figure("preferred_share", "forgotten latents whose image is still preferred", ".4f", "lower"),
    Figure("drift", "how far retained images moved", ".4f", "lower", "as a share of their variance", quality=True),
    Figure("pul", "PUL", ".2f", "higher", "per cent", promised=True, benchmarked=True),
    Figure("pul_later", "the same, learning on", ".2f", "higher", "per cent"),
    Figure("retained_accuracy", "accuracy of the other classes", ".4f", "higher", quality=True, benchmarked=True),
    Figure(
        "downstream_accuracy", "downstream accuracy", ".4f", "higher", quality=True, promised=True, benchmarked=True
    ),
    Figure("membership_auc", "membership AUC, items", ".3f", "retrained", promised=True, interval=True),
    Figure("membership_auc_later", "the same, learning on", ".3f", "retrained"),
    Figure("retained_auc", "membership AUC, retained", ".3f", "retrained", quality=True),
    Figure("retained_auc_later", "the same, learning on", ".3f", "retrained"),
    Figure("near_auc", "nearest-sample AUC, items", ".3f", "retrained"),
    Figure("near_auc_later", "the same, learning on", ".3f", "retrained"),
    Figure("retained_near_auc", "nearest-sample AUC, retained", ".3f", "retrained"),
    Figure("retained_near_auc_later", "the same, learning on", ".3f", "retrained"),
    Figure("probe_auc", "probe of features, items", ".3f", "retrained"),
    Figure("probe_auc_later", "the same, learning on", ".3f", "retrained"),
    Figure("retained_probe_auc", "probe of features, retained", ".3f", "retrained"),
    Figure("retained_probe_auc_later", "the same, learning on", ".3f", "retrained"),
    Figure("reconstruction_error", "reconstruction error", better="retrained", promised=True),
    Figure("relearn_iterations", "iterations to relearn", ".0f", "retrained", promised=True, audit="relearning"),
    Figure(
        "relearn_fresh_iterations",
        "iterations to relearn from a fresh row",
        ".0f",
        "retrained",
        audit="relearning_fresh_row",
    ),
    Figure("recovery_share", "recovered share", ".3f", "retrained", promised=True, audit="recovery"),
)
FIGURES: Mapping[str, Figure] = {figure.key: figure for figure in _LIST}
PROMISED = tuple(
    key for figure in _LIST if figure.promised for key in (figure.key, *(figure.ends if figure.interval else ()))
)
_ENDS = {"_low": "lower end", "_high": "upper end"}


def later_numbers(numbers: Mapping[str, Any], steps: int | None = None) -> dict[str, Any]:
    """Returns a GAN's numbers by the keys of what is measured learning steps later.

    Args:
        numbers: by the keys of now.
        steps: how many steps later; None: it is the first look after the phase.

    Example:
        >>> later_numbers({"near_auc": 0.5}), later_numbers({"near_auc": 0.5}, 2000)
        ({'near_auc_later': 0.5}, {'near_auc_later_2000': 0.5})
    """
    ending = "_later" if steps is None else f"_later_{steps}"
    return {f"{key}{ending}": value for key, value in numbers.items()}


def figure(key: str) -> Figure:
    """Returns the figure of a key; of one that nobody listed, such as a script's own, its title is its key in words.

    Example:
        >>> figure("fid").name, figure("my_own_number").name, figure("kid_low").name
        ('FID of retained images', 'my own number', 'KID of retained images, lower end')
    """
    if key in FIGURES:
        return FIGURES[key]
    now, later = _parted(key)
    for ending, words in _ENDS.items():
        if now.endswith(ending):
            of = figure(now.removesuffix(ending) + later)
            return Figure(key, f"{of.title}, {words}", of.form, unit=of.unit)
    first = _first_look(key)
    if first != key and first in FIGURES:
        steps = later.rpartition("_")[2]
        return replace(FIGURES[first], key=key, title=f"{FIGURES[first].title} for {steps} steps")
    return Figure(key, key.replace("_", " "))


def figures_in(numbers: Iterable[Mapping[str, Any]]) -> list[Figure]:
    """Returns the figures that GANs' numbers hold: the listed ones in their order, then others by their keys.

    What was measured once more, still later, stands below the first look.

    Ends of intervals belong to their figures, and what is no number is left out.

    Example:
        >>> [found.key for found in figures_in([{"mine": 1, "kid": 2.0, "kid_low": 1.0}, {"fid": 1.0, "kid": None}])]
        ['fid', 'kid', 'mine']
    """
    keys = {key for found in numbers for key, value in found.items() if isinstance(value, (int, float))}
    listed = {key: place for place, key in enumerate(FIGURES)}

    def place(key: str) -> tuple[int, int, str]:
        steps = _parted(key)[1].rpartition("_")[2]
        return listed.get(_first_look(key), len(listed)), int(steps) if steps.isdecimal() else 0, key

    told = [key for key in keys if key in FIGURES or not _parted(key)[0].endswith(tuple(_ENDS))]
    return [figure(key) for key in sorted(told, key=place)]


def _first_look(key: str) -> str:
    now, later = _parted(key)
    return f"{now}_later" if later else now
