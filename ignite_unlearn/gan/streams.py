"""Random number streams: those of Python, NumPy, torch and its devices, and those that a net keeps for itself."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from ignite_unlearn.gan.reach import STREAMS, reached


def read_streams(devices: set[torch.device]) -> tuple:
    """Returns the states of the random number streams of Python, NumPy, the CPU and CUDA devices."""
    cuda = {device: torch.cuda.get_rng_state(device) for device in devices}
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda


def seed_streams(seed: int, devices: set[torch.device]) -> None:
    """Seeds these streams."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # NumPy takes no larger ones
    # Not torch.manual_seed: it also queues a reseeding of every CUDA device for whenever CUDA first starts.
    torch.default_generator.manual_seed(seed)
    for device in devices:
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)


def write_streams(streams: tuple) -> None:
    """Puts these streams into the states that were read."""
    python, numpy, cpu, cuda = streams
    random.setstate(python)
    np.random.set_state(numpy)
    torch.set_rng_state(cpu)
    for device, state in cuda.items():
        torch.cuda.set_rng_state(state, device)


def streams_of(net: nn.Module) -> list[Any]:
    """Returns the random number generators that a net keeps for itself."""
    return [value for value, _ in reached(net) if isinstance(value, STREAMS)]


def read_stream(stream: Any) -> Any:
    """Returns the state of a random number generator."""
    if isinstance(stream, np.random.Generator):
        return stream.bit_generator.state
    return stream.getstate() if isinstance(stream, random.Random) else stream.get_state()


def write_stream(stream: Any, state: Any) -> None:
    """Puts a random number generator into a state that was read from it."""
    if isinstance(stream, np.random.Generator):
        stream.bit_generator.state = state
    elif isinstance(stream, random.Random):
        stream.setstate(state)
    else:
        stream.set_state(state)


def seed_stream(stream: Any, seed: int) -> None:
    """Seeds a random number generator."""
    if isinstance(stream, np.random.Generator):
        stream.bit_generator.state = type(stream.bit_generator)(seed).state
    elif isinstance(stream, torch.Generator):
        stream.manual_seed(seed)
    else:
        stream.seed(seed)


def same_states(one: Any, other: Any) -> bool:
    """Returns whether two states of streams, or collections of these, are equal."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same_states(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same_states, one, other))
    return bool(one == other)


@contextmanager
def seeded(net: nn.Module, seed: int) -> Iterator[None]:
    """Seeds all random number streams that a net may draw from, its own included, and puts them back."""
    devices = {p.device for p in net.parameters() if p.device.type == "cuda"}
    streams, own = read_streams(devices), [(stream, read_stream(stream)) for stream in streams_of(net)]
    try:
        seed_streams(seed, devices)
        for stream, _ in own:
            seed_stream(stream, seed)
        yield
    finally:
        write_streams(streams)
        for stream, state in own:
            write_stream(stream, state)
