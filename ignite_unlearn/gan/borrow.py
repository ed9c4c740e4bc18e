"""Use somebody else's nets for a moment and put everything back but the weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from ignite_unlearn.gan.state import state_kept
from ignite_unlearn.gan.streams import read_streams, seed_streams, write_streams
from ignite_unlearn.gan.trained import trained_parameters


@contextmanager
def borrow(*modules: nn.Module, seed: int | None = None, frozen_too: bool = False) -> Iterator[None]:
    """Lends ``modules`` to the body and puts back all state that a passing step may leave behind.

    Put back afterwards, also after an exception: every parameter's ``requires_grad`` and ``.grad`` (the same tensor
    objects), all that :func:`.state_kept` knows of (buffers, frozen parameters, plain attributes, train flags, lists
    that hooks append to; the originals are never written to), and the random number streams of Python, NumPy, the CPU
    and the modules' CUDA devices. *Not* put back: the values of the parameters that train, which are what an unlearning
    step is for.

    Inside the body the modules are in eval mode, gradients start at None, and exactly the parameters that train
    (:mod:`.trained`) ask for gradients, also where the loop has frozen them for the moment.

    Args:
        modules: the nets to lend.
        seed: seeds all streams inside the body, so that what is drawn there depends on nothing outside. None leaves
            the streams where they are (they are still put back).
        frozen_too: the values that the body gives frozen parameters stay as well.

    Example:
        >>> import torch
        >>> net = torch.nn.BatchNorm1d(2)
        >>> with borrow(net, seed=0):
        ...     net.train()(torch.randn(8, 2)).sum().backward()
        >>> net.running_mean.tolist(), net.weight.grad is None
        ([0.0, 0.0], True)
    """
    flags = [(module, module.training) for root in modules for module in root.modules()]
    parameters = [(p, p.requires_grad, p.grad) for root in modules for p in root.parameters()]
    trained = {id(p) for root in modules for p in trained_parameters(root)}
    devices = {p.device for p, *_ in parameters if p.device.type == "cuda"}
    streams = read_streams(devices)
    staying = (p for p, *_ in parameters if frozen_too or id(p) in trained)
    try:
        with state_kept(*modules, trained=staying):
            for root in modules:
                root.eval()
            for parameter, *_ in parameters:
                parameter.requires_grad_(id(parameter) in trained)
                parameter.grad = None
            if seed is not None:
                seed_streams(seed, devices)
            with torch.enable_grad(), _no_autocast(devices):
                yield
    finally:
        for module, training in flags:
            module.training = training
        for parameter, requires_grad, grad in parameters:
            parameter.grad = grad
            parameter.requires_grad_(requires_grad)
        write_streams(streams)


def step_seed(seed: int, *counters: int) -> int:
    """Returns a 32-bit seed that depends on all arguments, so that resumed runs draw what uninterrupted ones do."""
    return int(np.random.SeedSequence([seed, *counters]).generate_state(1)[0])


@contextmanager
def _no_autocast(devices: set[torch.device]) -> Iterator[None]:
    # An autocast region of the caller's must not decide the precision of the unlearning step.
    with torch.autocast("cpu", enabled=False):
        if devices:
            with torch.autocast("cuda", enabled=False):
                yield
        else:
            yield
