"""The nets of a data-parallel loop: replicas with statistics of their own, which each process holds whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.handlers.private import refuse_private
from ignite_unlearn.utils.distributed import share

# Known by name: importing what knows them takes seconds.
_SHARDED = {"FullyShardedDataParallel", "FSDPModule", "DTensor", "FlatParameter"}


@contextmanager
def borrow_alike(gan: GAN, seed: int, *, frozen_too: bool = False) -> Iterator[None]:
    """Lends a GAN's nets to the body, as :func:`.borrow` does, with the first process's buffers in all.

    A collective call. Weights of replicas are equal, statistics of BatchNorm are not, and a step is to be the same.

    Args:
        gan: the GAN.
        seed: of all random number streams inside the body.
        frozen_too: the values that the body gives frozen parameters stay as well.
    """
    nets = gan.generator, gan.discriminator
    with borrow(*nets, seed=seed, frozen_too=frozen_too):
        share(buffer for net in nets for buffer in net.buffers())
        yield


def refuse_nets(gan: GAN) -> None:
    """Refuses nets that a phase must not or cannot move: those under opacus, and sharded ones.

    Args:
        gan: the GAN.

    Raises:
        UnlearningError: if one of its nets is such a one.
    """
    refuse_private(gan)
    refuse_sharded(gan)


def refuse_sharded(gan: GAN) -> None:
    """Refuses nets of which a process holds only a part, as under FSDP or in DTensors.

    Args:
        gan: the GAN.

    Raises:
        UnlearningError: if one of its nets is sharded.

    Example:
        >>> from torch import nn
        >>> refuse_sharded(GAN(nn.Linear(2, 4), nn.Linear(4, 1), latents=(2,)))
    """
    for what, net in (("generator", gan.generator), ("discriminator", gan.discriminator)):
        kinds = {kind.__name__ for part in (*net.modules(), *net.parameters()) for kind in type(part).__mro__}
        found = sorted(kinds & _SHARDED)
        if found:
            raise UnlearningError(
                f"The {what} is sharded ({found[0]}), so no process holds all of its weights, and a phase cannot copy "
                "and move them: unlearn on the whole net, in one process or under DistributedDataParallel."
            )
