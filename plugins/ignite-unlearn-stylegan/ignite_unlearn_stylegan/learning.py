"""An Ignite engine whose learning step runs the training phases of a StyleGAN loss: Gmain, Greg, Dmain, Dreg."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from ignite_unlearn import UnlearningError
from ignite_unlearn.gan.nets import unwrap
from ignite_unlearn_stylegan.attributes import require_attributes
from ignite_unlearn_stylegan.batch import images_of, parts

_GIVEN = ("phase", "real_img", "real_c", "gen_z", "gen_c", "sync", "gain", "cur_nimg")


@dataclass(frozen=True)
class TrainingPhase:
    """One turn of a net; the checkouts' own phase dictionaries, which have these attributes, do as well.

    Attributes:
        name: what the loss knows it by: ``Gmain``, ``Greg``, ``Gboth``, ``Dmain``, ``Dreg`` or ``Dboth``.
        module: the net that learns.
        opt: its optimiser.
        interval: in every so many iterations it is this phase's turn, and its gradients count as much more.
    """

    name: str
    module: nn.Module
    opt: Optimizer
    interval: int = 1


class PhasesEngine(Engine):
    """An engine of training phases; :func:`engine` makes it.

    Args:
        step: the learning step, ``(engine, batch) -> output``.
        generator: the net of the phases ``G...``.
        discriminator: the net of the phases ``D...``.
        ema: the generator's moving average, or None.
    """

    def __init__(
        self, step: Callable[[Engine, Any], Any], generator: nn.Module, discriminator: nn.Module, ema: nn.Module | None
    ):
        super().__init__(step)
        self.generator = generator
        self.discriminator = discriminator
        self.ema = ema
        self.add_event_handler(Events.STARTED, self._freeze)

    def _freeze(self) -> None:
        for net in (self.generator, self.discriminator):
            net.train().requires_grad_(False)  # each is thawed for its own phases only


def training_phases(
    generator: nn.Module,
    discriminator: nn.Module,
    *,
    g_opt_kwargs: Mapping[str, Any] | None = None,
    d_opt_kwargs: Mapping[str, Any] | None = None,
    g_reg_interval: int | None = 4,
    d_reg_interval: int | None = 16,
) -> list[TrainingPhase]:
    """Returns the training phases of two nets, each net with one Adam for its two phases.

    Args:
        generator: learns in ``Gmain`` and ``Greg``.
        discriminator: learns in ``Dmain`` and ``Dreg``.
        g_opt_kwargs: of the generator's Adam; the default is lr 0.002, betas (0, 0.99).
        d_opt_kwargs: of the discriminator's; likewise.
        g_reg_interval: in every so many iterations ``Greg`` has its turn; lr and betas are adjusted as lazy
            regularisation asks for (Karras et al. 2020). None: one phase ``Gboth``.
        d_reg_interval: likewise.

    Example:
        >>> [phase.name for phase in training_phases(nn.Linear(1, 1), nn.Linear(1, 1), g_reg_interval=None)]
        ['Gboth', 'Dmain', 'Dreg']
    """
    made = []
    for net, module, options, interval in (
        ("G", generator, g_opt_kwargs, g_reg_interval),
        ("D", discriminator, d_opt_kwargs, d_reg_interval),
    ):
        asked = {"lr": 0.002, "betas": (0.0, 0.99), **(options or {})}
        if interval is None:
            made.append(TrainingPhase(net + "both", module, Adam(module.parameters(), **asked)))
            continue
        share = interval / (interval + 1)
        asked |= {"lr": asked["lr"] * share, "betas": tuple(beta**share for beta in asked["betas"])}
        opt = Adam(module.parameters(), **asked)
        made += [TrainingPhase(net + "main", module, opt), TrainingPhase(net + "reg", module, opt, interval)]
    return made


def engine(
    loss: Any,
    phases: Sequence[Any],
    *,
    ema: nn.Module | None = None,
    ema_kimg: float = 10.0,
    batch_gpu: int | None = None,
    resume_kimg: float = 0.0,
) -> PhasesEngine:
    """Returns an Ignite engine that trains as a StyleGAN checkout does, on batches from ``engine.state.batch``.

    In every iteration each phase whose turn it is thaws its net, gathers gradients by ``loss.accumulate_gradients``
    (called with the keywords that it takes, which differ between the two checkouts), freezes it, and steps; then the
    moving average follows. Where G unlearns, :class:`~ignite_unlearn.handlers.RestartAverage` has the average forget
    too. Latents are drawn from N(0, 1), their labels from those of the batch, so that the learning step asks for no
    forgotten class. Not done: the adjustment of ADA's probability, which stays what it is.

    A batch is ``(images, c)``: images ``(N, C, H, W)`` in uint8, or floating point in [-1, 1]; labels ``(N, c_dim)``.

    Args:
        loss: of the checkout's ``training/loss.py``, or with such an ``accumulate_gradients``.
        phases: of :func:`training_phases`, or the checkout's own.
        ema: ``G_ema``, a copy of the generator that follows it as its moving average.
        ema_kimg: half-life of the average, in thousands of images.
        batch_gpu: how many rows are passed to the loss at once; None: the whole batch.
        resume_kimg: how many thousand images were shown before, for a loss that asks.

    Returns:
        An engine; its output is the list of the names of the phases that had their turn.

    Raises:
        UnlearningError: if loss, phases or average do not fit, or in a run of several processes.
    """
    takes = _keywords(loss)
    generator, discriminator = _nets(phases)
    if ema is not None and [p.shape for p in ema.parameters()] != [p.shape for p in generator.parameters()]:
        raise UnlearningError("engine(ema=...) is no copy of the generator: give copy.deepcopy(G), or a loaded G_ema.")
    if batch_gpu is not None and batch_gpu < 1:
        raise UnlearningError(f"engine(batch_gpu={batch_gpu}) must be at least 1, or None for the whole batch.")
    if idist.get_world_size() > 1:
        raise UnlearningError(
            "engine() trains in one process. In several, write the learning step yourself, and attach a phase on "
            "gan(G, D) to its engine."
        )

    def step(engine: Engine, batch: Any) -> list[str]:
        device = next(generator.parameters()).device
        images, c = images_of(batch).to(device, torch.float32), parts(batch)[1].to(device)
        index, n = engine.state.iteration - 1, len(images)
        due = [phase for phase in phases if index % phase.interval == 0]
        for phase in due:
            z = torch.randn(n, generator.z_dim, device=device)
            drawn = c[torch.randint(n, (n,), device=device)]
            rows = [part.split(batch_gpu or n) for part in (images, c, z, drawn)]
            rest = {"phase": phase.name, "gain": phase.interval, "cur_nimg": int(resume_kimg * 1000) + index * n}
            _take_turn(phase, loss, takes, list(zip(*rows, strict=True)), rest)
        if ema is not None:
            follow(ema, generator, 0.5 ** (n / max(ema_kimg * 1000, 1e-8)))
        return [phase.name for phase in due]

    return PhasesEngine(step, generator, discriminator, ema)


def _take_turn(
    phase: TrainingPhase, loss: Any, takes: set[str], rounds: list[tuple[Tensor, ...]], rest: dict[str, Any]
) -> None:
    phase.opt.zero_grad(set_to_none=True)
    phase.module.requires_grad_(True)
    try:
        for number, tensors in enumerate(rounds, start=1):
            given = dict(zip(("real_img", "real_c", "gen_z", "gen_c"), tensors, strict=True)) | rest
            given["sync"] = number == len(rounds)
            loss.accumulate_gradients(**{name: value for name, value in given.items() if name in takes})
    finally:
        phase.module.requires_grad_(False)
    for parameter in phase.module.parameters():
        if parameter.grad is not None:
            # In half precision single gradients overflow; the training goes on without them.
            torch.nan_to_num(parameter.grad, nan=0.0, posinf=1e5, neginf=-1e5, out=parameter.grad)
    phase.opt.step()


@torch.no_grad()
def follow(ema: nn.Module, generator: nn.Module, kept: float) -> None:
    """Moves the average towards the generator: ``kept`` of it stays; buffers are copied."""
    for average, parameter in zip(ema.parameters(), generator.parameters(), strict=True):
        average.lerp_(parameter, 1 - kept)
    for own, buffer in zip(ema.buffers(), generator.buffers(), strict=True):
        own.copy_(buffer)


def _keywords(loss: Any) -> set[str]:
    require_attributes("loss", loss, "accumulate_gradients")
    parameters = signature(loss.accumulate_gradients).parameters.values()
    if any(p.kind is Parameter.VAR_KEYWORD for p in parameters):
        return set(_GIVEN)
    unknown = [p.name for p in parameters if p.default is Parameter.empty and p.name not in _GIVEN]
    if unknown:
        raise UnlearningError(
            f"{type(loss).__name__}.accumulate_gradients asks for {unknown[0]!r}, and engine() gives only "
            f"{', '.join(_GIVEN)}: wrap the loss in one that adds the rest."
        )
    return {p.name for p in parameters}


def _nets(phases: Sequence[Any]) -> tuple[Any, Any]:
    for phase in phases:
        require_attributes("training phase", phase, "name", "module", "opt", "interval")
    found = [{id(p.module): unwrap(p.module) for p in phases if p.name.startswith(net)} for net in "GD"]
    if not all(len(nets) == 1 for nets in found):
        raise UnlearningError(
            f"The phases {[phase.name for phase in phases]} train {len(found[0])} generators and {len(found[1])} "
            "discriminators, and one of each is expected: see training_phases(G, D)."
        )
    generator, discriminator = (next(iter(nets.values())) for nets in found)
    require_attributes("generator", generator, "z_dim")
    return generator, discriminator
