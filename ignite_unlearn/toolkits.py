"""Plug-ins for GAN toolkits: found by entry points, imported only when used."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from types import ModuleType

from packaging.version import Version

from ignite_unlearn.errors import UnlearningError

GROUP = "ignite_unlearn.toolkits"


@dataclass(frozen=True)
class PlugIn:
    """An installed plug-in.

    Attributes:
        name: of the toolkit, as its entry point says.
        distribution: that brought it, and its version, such as ``"ignite-unlearn-monai 0.1.0"``.
        problem: why it cannot be used, in a sentence; None if it imports.
    """

    name: str
    distribution: str
    problem: str | None


def installed(found: Iterable[EntryPoint] | None = None) -> list[PlugIn]:
    """Returns the installed plug-ins by name; each is imported to see whether it works.

    Args:
        found: entry points in place of those of the environment.

    Example:
        >>> installed([])
        []
    """
    points = entry_points(group=GROUP) if found is None else found
    return [PlugIn(p.name, _distribution(p), _problem(p)) for p in sorted(points, key=lambda point: point.name)]


def require(module: str, *, distribution: str, at_least: str, plugin: str, hint: str | None = None) -> ModuleType:
    """Imports a plug-in's toolkit, and returns its module.

    Args:
        module: to import, such as ``"monai"``.
        distribution: that installs it, such as ``"monai"``.
        at_least: the oldest version that the plug-in works with.
        plugin: the plug-in's distribution, such as ``"ignite-unlearn-monai"``.
        hint: how to install the toolkit; None: by pip.

    Raises:
        UnlearningError: if the toolkit is missing, too old, or fails to import.

    Example:
        >>> require("json", distribution="no-such-toolkit", at_least="1.0", plugin="ignite-unlearn-example")
        Traceback (most recent call last):
        ...
        ignite_unlearn.errors.UnlearningError: ignite-unlearn-example needs no-such-toolkit 1.0 or newer, which is not \
installed: pip install "no-such-toolkit>=1.0".
    """
    advice = hint or f'pip install "{distribution}>={at_least}"'
    wanted = f"{plugin} needs {distribution} {at_least} or newer"
    try:
        there = version(distribution)
    except PackageNotFoundError:
        raise UnlearningError(f"{wanted}, which is not installed: {advice}.") from None
    if Version(there) < Version(at_least):
        raise UnlearningError(f"{wanted}, and found {there}: {advice}.")
    try:
        return importlib.import_module(module)
    except Exception as error:  # whatever a toolkit's import runs into, the caller is told in one sentence
        raise UnlearningError(
            f"{distribution} {there} is installed, but cannot be imported ({type(error).__name__}: {error}): "
            f"mend it, or {advice}."
        ) from error


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "unknown"


def _problem(point: EntryPoint) -> str | None:
    try:
        point.load()
    except Exception as error:  # a plug-in that fails must not hide the others
        return str(error) if isinstance(error, UnlearningError) else f"{type(error).__name__}: {error}"
    return None
