"""The launcher under ``torchrun``: recipes are small, so the first process does the work, and all end as it does."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import click

_WAIT = timedelta(days=365)  # a run may take long; where the first process is killed, torchrun ends the others
_GOODBYE = timedelta(seconds=30)


class FirstAlone(click.Group):
    """A group of commands of which one process of many carries out the one that is called."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the command, here or in the first process; see ``click.Group.main``."""
        if int(os.environ.get("WORLD_SIZE", 1)) < 2 or "MASTER_ADDR" not in os.environ:
            return super().main(*args, **kwargs)
        return _by_the_first(lambda: click.Group.main(self, *args, **kwargs))


def _by_the_first(command: Callable[[], Any]) -> Any:
    """Returns what a command returns, and ends every process with the status of the first one.

    The processes have a store in common and no process group: whatever the command trains, it trains alone.
    """
    import torch.distributed as dist

    store, rank, world = next(iter(dist.rendezvous("env://", timeout=_WAIT)))
    if rank > 0:
        store.wait(["status"], _WAIT)
        status = int(store.get("status"))
        store.set(f"heard by {rank}", "")
        sys.exit(status)
    status = 1  # an error that nobody foresaw
    try:
        made = command()
        status = 0
        return made
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise
    finally:
        store.set("status", str(status))
        with suppress(RuntimeError):  # the store may live in this process, so it waits for whoever still listens
            store.wait([f"heard by {other}" for other in range(1, world)], _GOODBYE)
