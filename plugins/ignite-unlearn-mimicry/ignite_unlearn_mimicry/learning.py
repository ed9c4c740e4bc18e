"""An Ignite engine whose learning step is that of mimicry's trainer: the nets' own ``train_step``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from ignite.engine import Engine
from torch import Tensor
from torch.optim import Optimizer
from torch_mimicry.nets.gan.gan import BaseDiscriminator, BaseGenerator
from torch_mimicry.training.metric_log import MetricLog

from ignite_unlearn import UnlearningError
from ignite_unlearn.gan.fields import describe


class TrainSteps(Engine):
    """An engine over the ``train_step`` of mimicry's nets; :func:`engine` makes it.

    Args:
        step: the learning step, ``(engine, batch) -> output``.
        netG: the generator that it trains.
        netD: the discriminator that it trains.
    """

    def __init__(self, step: Callable[[Engine, Any], Any], netG: BaseGenerator, netD: BaseDiscriminator):  # noqa: N803
        super().__init__(step)
        self.netG, self.netD = netG, netD


def engine(
    netG: BaseGenerator,  # noqa: N803 - as mimicry names them
    netD: BaseDiscriminator,  # noqa: N803
    optG: Optimizer,  # noqa: N803
    optD: Optimizer,  # noqa: N803
    *,
    n_dis: int = 1,
    device: torch.device | str | None = None,
) -> TrainSteps:
    """Returns an Ignite engine that trains as mimicry's ``Trainer`` does, on batches from ``engine.state.batch``.

    An iteration is a step of the discriminator; every ``n_dis``-th is also one of the generator, after it and on the
    same batch. So each step sees a batch of its own, as in mimicry, whose ``global_step`` counts the generator's steps.
    All else that the trainer does is left to Ignite's handlers. Its learning rates decay by one::

        scheduler = torch_mimicry.training.LRScheduler("linear", optD, optG, num_steps)
        learning.add_event_handler(
            Events.ITERATION_COMPLETED(every=n_dis),
            lambda: scheduler.step(MetricLog(), learning.state.iteration // n_dis),
        )

    A batch is a pair of images ``(N, C, H, W)`` in [-1, 1] and labels ``(N,)``, which unconditional nets ignore.

    Args:
        netG: the generator.
        netD: the discriminator.
        optG: the generator's optimiser.
        optD: the discriminator's optimiser.
        n_dis: how many steps the discriminator takes for one of the generator, at least 1.
        device: where nets and batches are moved to; None: to where the generator is.

    Returns:
        An engine; its output is a dict of the iteration's numbers, such as ``errD`` and, every ``n_dis``-th, ``errG``.

    Raises:
        UnlearningError: if a net is not mimicry's or ``n_dis`` is not positive; in an iteration, if the batch is no
            pair of images and labels.
    """
    refuse_others(netG, netD)
    if n_dis < 1:
        raise UnlearningError(f"engine(..., n_dis={n_dis}) must be at least 1.")
    place = torch.device(device) if device is not None else netG.device
    netG.to(place)
    netD.to(place)

    def step(engine: Engine, batch: Any) -> dict[str, float]:
        turn = engine.state.iteration - 1
        common = {
            "real_batch": _pair(batch, place),
            "log_data": MetricLog(),
            "global_step": turn // n_dis,
            "device": place,
        }
        log = netD.train_step(netG=netG, optD=optD, **common)
        if turn % n_dis == n_dis - 1:
            log = netG.train_step(netD=netD, optG=optG, **common)
        return {name: metric["value"] for name, metric in log.items()}

    return TrainSteps(step, netG, netD)


def refuse_others(netG: Any, netD: Any) -> None:  # noqa: N803
    """Raises where the nets are not a generator and a discriminator of mimicry, or of classes derived from its own.

    Raises:
        UnlearningError: if one is not.
    """
    for net, kind in ((netG, BaseGenerator), (netD, BaseDiscriminator)):
        if not isinstance(net, kind):
            raise UnlearningError(
                f"Got a {type(net).__name__} where a torch_mimicry.nets.gan.gan.{kind.__name__} is expected: give netG "
                "first and netD second, and wrap other nets in ignite_unlearn.GAN(...)."
            )


def _pair(batch: Any, device: torch.device) -> tuple[Tensor, ...]:
    pair = batch[:2] if isinstance(batch, (tuple, list)) else ()
    if len(pair) != 2 or not all(isinstance(value, Tensor) for value in pair):
        raise UnlearningError(
            f"The batch is {describe(batch)}: expected a pair of images (N, C, H, W) and labels (N,), which mimicry's "
            "train_step takes; its unconditional nets ignore the labels, so any will do."
        )
    return tuple(value.to(device) for value in pair)
