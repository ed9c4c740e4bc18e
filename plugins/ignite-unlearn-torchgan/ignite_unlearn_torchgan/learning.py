"""An Ignite engine whose learning step is torchgan's: its trainer's iteration, or its losses' ``train_ops``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, signature
from typing import Any, TypeAlias

import torch
from ignite.engine import Engine, Events
from torch import Tensor, nn
from torchgan.losses import DiscriminatorLoss, GeneratorLoss
from torchgan.trainer import BaseTrainer

from ignite_unlearn import UnlearningError
from ignite_unlearn.gan import BatchForm

Loss: TypeAlias = GeneratorLoss | DiscriminatorLoss

_COUNTED = ("generator_losses", "discriminator_losses", "generator_iters", "discriminator_iters")
_TURNS = "loss_information"  # counts of losses and turns, as the trainer calls them
_OF_THE_BATCH = ("real_inputs", "labels", "batch_size")


class TrainOps(Engine):
    """An engine whose learning step is the ``train_ops`` of torchgan's losses; :func:`engine` makes it.

    Args:
        step: the learning step, ``(engine, batch) -> output``.
        arguments: what the arguments of ``train_ops`` are looked up in, by name; its nets are in train mode whenever
            an epoch begins.
    """

    def __init__(self, step: Callable[[Engine, Any], Any], arguments: Mapping[str, Any]):
        super().__init__(step)
        self.arguments = arguments
        self.add_event_handler(Events.EPOCH_STARTED, self._train)

    def _train(self) -> None:
        for net in nets(self.arguments):
            net.train()


def engine(trainer_or_losses: BaseTrainer | Sequence[Loss], **arguments: Any) -> TrainOps:
    """Returns an Ignite engine that trains as torchgan does, on batches from ``engine.state.batch``.

    Of a trainer it takes over the loop over epochs: ``train_iter`` (and with it ``ncritic`` and ``train_iter_custom``),
    the running losses, the logger's part in every iteration, and the schedulers' step after an epoch. A state of the
    engine holds whose turn it is. What torchgan does besides at an epoch's end (checkpoints, metrics, sample images) is
    left to Ignite's handlers.

    Of losses it calls each one's ``train_ops`` once an iteration, in their order, with arguments looked up by name (and
    by the loss's ``arg_map``) as torchgan's trainer does: ``real_inputs``, ``labels`` and ``batch_size`` are the
    batch's, ``device`` is that of the nets, and all others are ``arguments``.

    A batch is images, or a tuple or list of images and labels. ``batch_size`` is the loader's, where it has one.

    Args:
        trainer_or_losses: a ``torchgan.trainer.Trainer``, or a list of losses of ``torchgan.losses``.
        arguments: with losses: ``generator=``, ``optimizer_generator=`` and whatever else their ``train_ops`` take.

    Returns:
        An engine; its output is a dict of losses.

    Raises:
        UnlearningError: if it is given neither, or an argument of a ``train_ops`` is missing.
    """
    if isinstance(trainer_or_losses, BaseTrainer):
        if arguments:
            raise UnlearningError(
                f"engine(trainer) looks everything up in the trainer: set {sorted(arguments)} there, as attributes."
            )
        return _of_trainer(trainer_or_losses)
    losses = list(trainer_or_losses) if isinstance(trainer_or_losses, (list, tuple)) else []
    if not losses or not all(isinstance(loss, (GeneratorLoss, DiscriminatorLoss)) for loss in losses):
        raise UnlearningError(
            "engine() needs a torchgan.trainer.Trainer, or a list of losses of torchgan.losses; got "
            f"{[type(loss).__name__ for loss in losses] or type(trainer_or_losses).__name__}."
        )
    return _of_losses(losses, arguments)


def nets(arguments: Mapping[str, Any]) -> list[nn.Module]:
    """Returns the nets among the arguments of ``train_ops``, each once."""
    return list({id(value): value for value in arguments.values() if isinstance(value, nn.Module)}.values())


def _of_trainer(trainer: BaseTrainer) -> TrainOps:
    def step(engine: Engine, batch: Any) -> dict[str, float]:
        vars(trainer).update(_of_batch(engine, batch, trainer.device), **{_TURNS: vars(engine.state)[_TURNS]})
        numbers = dict(zip(_COUNTED, trainer.train_iter(), strict=True))
        for name, number in numbers.items():
            trainer.loss_information[name] += number  # the trainer counts by them whose turn it is
        trainer.logger.run_mid_epoch(trainer)
        return {name: numbers[name] for name in _COUNTED[:2]}

    made = TrainOps(step, vars(trainer))
    # So that a checkpoint of the engine says whose turn it is.
    vars(made.state)[_TURNS] = trainer.loss_information
    made.state_dict_user_keys.append(_TURNS)
    made.add_event_handler(Events.EPOCH_COMPLETED, trainer.optim_ops)
    return made


def _of_losses(losses: list[Loss], arguments: dict[str, Any]) -> TrainOps:
    if "device" not in arguments:
        arguments["device"] = next((p.device for net in nets(arguments) for p in net.parameters()), torch.device("cpu"))
    sources = [_sources(loss, {*arguments, *_OF_THE_BATCH}) for loss in losses]

    def step(engine: Engine, batch: Any) -> dict[str, float]:
        there = arguments | _of_batch(engine, batch, arguments["device"])
        return {
            type(loss).__name__: loss.train_ops(**{name: there[source] for name, source in wanted.items()})
            for loss, wanted in zip(losses, sources, strict=True)
        }

    return TrainOps(step, arguments)


def _sources(loss: Loss, there: set[str]) -> dict[str, str]:
    """Returns, for each argument of a loss's ``train_ops``, the name of what is passed."""
    wanted = {}
    for parameter in signature(loss.train_ops).parameters.values():
        source = loss.arg_map.get(parameter.name, parameter.name)
        if source in there:
            wanted[parameter.name] = source
        elif parameter.default is Parameter.empty and parameter.kind is not Parameter.VAR_KEYWORD:
            raise UnlearningError(
                f"{type(loss).__name__}.train_ops needs {source!r}, which engine() was not given: pass "
                f"engine(losses, {source}=...)."
            )
    return wanted


def _of_batch(engine: Engine, batch: Any, device: torch.device) -> dict[str, Any]:
    images, labels = (*batch, None)[:2] if isinstance(batch, (tuple, list)) else (batch, None)
    size = getattr(engine.state.dataloader, "batch_size", None) or len(BatchForm().images(batch))
    values = (value.to(device) if isinstance(value, Tensor) else value for value in (images, labels, size))
    return dict(zip(_OF_THE_BATCH, values, strict=True))
