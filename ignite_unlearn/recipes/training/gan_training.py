"""The GAN trainer that all stock recipes share: a plain Ignite loop, as a user's would be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from ignite.engine import Engine, Events
from ignite.handlers import EMAHandler
from ignite.handlers.param_scheduler import PiecewiseLinear
from torch import Tensor, nn

from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.recipes.training.learning_steps import Players
from ignite_unlearn.recipes.training.precision import Precision
from ignite_unlearn.recipes.training.sent import sent
from ignite_unlearn.recipes.training.training import Training

_FINAL_LR = 0.1  # the share of the learning rate that training ends with, and that the unlearning phase goes on with


class Batches:
    """Endless random batches of images and labels, drawn from torch's global stream; an epoch is ``length`` of them."""

    def __init__(self, images: Tensor, labels: Tensor, batch_size: int, length: int):
        self.images, self.labels = images, labels
        self.batch_size, self.length = batch_size, length
        self.dataset, self.replacement = images, True  # as a DataLoader and its sampler say what is drawn from

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for _ in range(self.length):
            chosen = sent(torch.randint(len(self.images), (self.batch_size,)), self.images.device)
            yield self.images[chosen], self.labels[chosen]


class GANTraining:
    """A GAN, its optimisers, the moving average of its generator, and the engine that trains it.

    Args:
        gan: its two nets, and whether they take labels; latents are vectors.
        settings: how they are trained.
        unlearning: whether this is the loop of an unlearning phase: it goes on with the learning rate that the
            original training ended with, and with a moving average that is as short as the phase.
    """

    def __init__(self, gan: GAN, settings: Training, *, unlearning: bool = False):
        assert isinstance(gan.latents, tuple)
        self.gan, self.settings = gan, settings
        self.generator, self.discriminator = gan.generator, gan.discriminator
        scale, betas = _FINAL_LR if unlearning else 1.0, settings.loss.betas
        self.g_optimizer = torch.optim.Adam(gan.generator.parameters(), scale * settings.g_lr, betas, fused=True)
        self.d_optimizer = torch.optim.Adam(gan.discriminator.parameters(), scale * settings.d_lr, betas, fused=True)
        self._precision = Precision(settings.precision, gan.device)
        self._players = Players(
            gan.generator,
            gan.discriminator,
            self.g_optimizer,
            self.d_optimizer,
            gan.latents[0],
            self._precision,
            gan.labels is not None,
        )
        if settings.compile != "none" and not unlearning:
            for net in (gan.generator, gan.discriminator):
                net.compile(backend=settings.compile)  # in place: the names of the weights stay
        self.engine = Engine(lambda engine, batch: self.learn(batch))
        self._schedules: dict[str, PiecewiseLinear] = {}
        if not unlearning:
            steps = settings.iterations
            for name, optimizer in (("g_schedule", self.g_optimizer), ("d_schedule", self.d_optimizer)):
                lr = optimizer.param_groups[0]["lr"]
                milestones: list[tuple[int, float]] = [(steps // 2, lr), (steps, _FINAL_LR * lr)]
                self._schedules[name] = PiecewiseLinear(optimizer, "lr", milestones_values=milestones)
                self.engine.add_event_handler(Events.ITERATION_STARTED, self._schedules[name])
        # Not EMAHandler's own warm-up: its state cannot be loaded without running code.
        momentum, warmup = (0.1, 3) if unlearning else (0.005, 10)
        self.engine.add_event_handler(Events.ITERATION_COMPLETED, _warm_up, momentum, warmup)
        self._ema = EMAHandler(gan.generator, momentum=momentum, handle_buffers="update")
        self._ema.attach(self.engine)

    @property
    def average(self) -> nn.Module:
        """The moving average of the generator, which is what is judged and released."""
        return self._ema.ema_model

    def state_objects(self) -> dict[str, Any]:
        """Returns everything that a checkpoint must hold for the training to go on as if uninterrupted."""
        return {
            "engine": self.engine,
            "generator": self.generator,
            "discriminator": self.discriminator,
            "average": self.average,
            "g_optimizer": self.g_optimizer,
            "d_optimizer": self.d_optimizer,
            "precision": self._precision,
            **self._schedules,
        }

    def learn(self, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """Takes one learning step on images ``(N, C, H, W)`` and labels ``(N,)``; returns the losses by name."""
        return self.settings.loss(self._players, *batch)


def _warm_up(engine: Engine, momentum: float, warmup: int) -> None:
    """Sets how much of the present generator enters the average: an equal share of all so far, then ``momentum``."""
    vars(engine.state)["ema_momentum"] = max(momentum, warmup / (engine.state.iteration + warmup))
