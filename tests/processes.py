"""Run something in two processes that talk by Gloo, on a port of their own: tests may run side by side."""

import socket

import ignite.distributed as idist


def in_two(act, *args):
    """Runs ``act(rank, *args)`` in two processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    idist.spawn("gloo", act, args=args, nproc_per_node=2, master_port=port)
