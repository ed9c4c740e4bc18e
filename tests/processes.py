"""Run something in several processes that talk by Gloo, on a port of their own: tests may run side by side."""

import socket

import ignite.distributed as idist


def in_processes(n, act, *args):
    """Runs ``act(rank, *args)`` in ``n`` processes; in this one where ``n`` is 1."""
    if n == 1:
        act(0, *args)
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    idist.spawn("gloo", act, args=args, nproc_per_node=n, master_port=port)


def in_two(act, *args):
    """Runs ``act(rank, *args)`` in two processes."""
    in_processes(2, act, *args)
