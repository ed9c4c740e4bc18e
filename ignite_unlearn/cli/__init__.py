"""The launcher ``ignite-unlearn``. It imports torch only when a command needs it, so that ``--help`` is instant."""

from ignite_unlearn.cli import bench, inspect, run  # noqa: F401 - each puts its commands into the group
from ignite_unlearn.cli.group import main

__all__ = ["main"]
