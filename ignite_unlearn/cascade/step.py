"""One unlearning step: the generator to substitute images, the discriminator to fake labels, both anchored.

Gradients are computed on shards of a global batch and summed over the processes, so that the step is the same however
many processes share it. What draws, ranks or averages sees the whole of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol, TypeAlias

import ignite.distributed as idist
import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from ignite_unlearn.cascade.aims import Aims
from ignite_unlearn.cascade.descent import Descent, OptimizerFactory, filled
from ignite_unlearn.cascade.fake_labels.fake_label import FakeLabel
from ignite_unlearn.cascade.substitutions.substitution import Substitution
from ignite_unlearn.errors import UnlearningDivergedError, UnlearningError
from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.noise import same_noise
from ignite_unlearn.handlers.rows import Rows
from ignite_unlearn.utils.answers import answer, rows_of
from ignite_unlearn.utils.asked import CALL, COUNT, MAKER, asks, kind, maybe, number
from ignite_unlearn.utils.distributed import (
    everywhere,
    shard,
    share,
    sum_over_processes,
    together,
    with_others,
)

Latents: TypeAlias = tuple[Tensor, Tensor | None]  # and their labels

_NUMBERS = kind("numbers by name", Mapping)

# A large eps: with the usual one, weights whose gradients are near zero would move as fast as all others.
adam: OptimizerFactory = partial(torch.optim.Adam, lr=2e-3, betas=(0.5, 0.99), eps=1e-4)


class DiscriminatorStep(Protocol):
    """How the discriminator is led to fake labels, in place of gradient descent."""

    def __call__(self, gan: GAN, teacher: GAN, rows: Rows, aims: Aims) -> dict[str, float]:
        """Takes one step of the discriminator, the same on every process.

        Args:
            gan: the GAN; its nets are in eval mode.
            teacher: the frozen original GAN.
            rows: what is to be unlearned on; its examples are the same on every process.
            aims: called with the present scores ``(N,)`` of forgotten images, the GAN that gave them and its teacher,
                returns their target scores ``(N,)``; ``aims.substitutes`` gives what the generator is led to.

        Returns:
            Numbers for ``state.metrics``; empty where there was nothing to unlearn.
        """


class UnlearningStep:
    """Moves the generator to substitute images and the discriminator to fake labels, each by an optimiser of its own.

    Args:
        gan: the GAN to change.
        substitution: chooses the image that a forgotten latent is given.
        fake_label: chooses the score that a forgotten image is given.
        optimizer: makes an optimiser of a net's parameters; called once for each net.
        anchor: weight of the terms that hold retained latents at the teacher's images and retained images at the
            teacher's scores.
        batch_size: how many forgotten and how many retained latents a step uses, and how many images of a request.
        generator_steps: how many steps the generator takes for one of the discriminator.
        discriminator_step: moves the discriminator; None: the optimiser does.

    Raises:
        UnlearningError: if ``anchor`` is negative, or ``batch_size`` or ``generator_steps`` is not positive.
    """

    @asks(
        gan=kind("a GAN", GAN),
        substitution=CALL,
        fake_label=CALL,
        optimizer=MAKER,
        anchor=number(),
        batch_size=COUNT,
        generator_steps=COUNT,
        discriminator_step=maybe(CALL),
    )
    def __init__(
        self,
        gan: GAN,
        *,
        substitution: Substitution,
        fake_label: FakeLabel,
        optimizer: OptimizerFactory = adam,
        anchor: float = 2.0,
        batch_size: int = 64,
        generator_steps: int = 4,
        discriminator_step: DiscriminatorStep | None = None,
    ):
        if anchor < 0 or min(batch_size, generator_steps) < 1:
            raise UnlearningError(
                f"anchor={anchor} must be >= 0, batch_size={batch_size} and generator_steps={generator_steps} at least "
                "1."
            )
        self.gan = gan
        self.substitution = substitution
        self.fake_label = fake_label
        self.anchor = anchor
        self.batch_size = batch_size
        self.generator_steps = generator_steps
        self.discriminator_step = discriminator_step
        self.descents = {
            "generator": Descent(gan.generator.parameters(), optimizer),
            "discriminator": Descent(gan.discriminator.parameters(), optimizer),
        }

    def __call__(self, teacher: GAN, regions: LatentRegions, rows: Rows) -> dict[str, float]:
        """Takes the generator's steps and the discriminator's, and returns their numbers; the nets must be borrowed."""
        numbers: dict[str, float] = {}
        for _ in range(self.generator_steps):
            numbers |= self.generator_half(teacher, regions)
        return numbers | self.discriminator_half(teacher, regions, rows)

    def generator_half(self, teacher: GAN, regions: LatentRegions) -> dict[str, float]:
        """Moves the generator: forgotten latents to substitutes, retained ones to where the teacher has them."""
        forgotten, retained = regions.forgotten(self.batch_size), regions.retained(self.batch_size)
        if not everywhere(len(forgotten[0]) > 0):  # the generator never made what is to be forgotten
            return {}
        # Made in a call of its own: of what it needed the graph alone is held while gradients are computed.
        losses = self._generator_losses(teacher, regions, forgotten, retained)
        to_substitutes, to_teacher = self._descend("generator", losses)
        return {"substitution_loss": to_substitutes, "generator_anchor_loss": to_teacher}

    def _generator_losses(
        self, teacher: GAN, regions: LatentRegions, forgotten: Latents, retained: Latents
    ) -> tuple[Tensor, Tensor]:
        n = self.batch_size
        with same_noise(self.gan, teacher, *forgotten) as noisy:
            # Of all latents in each process: what a substitution draws, and what it tells from all, is then the same.
            substitutes = answer("the substitution", rows_of(n), self.substitution, teacher, *forgotten, regions)
            # What draws noise for a whole call is called for all; then each process's losses are the same.
            alike = noisy or n < idist.get_world_size()
            mine, times = (slice(0, n), n * idist.get_world_size()) if alike else (shard(n), n)
            both = [(latents[mine], _rows(labels, mine)) for latents, labels in (forgotten, retained)]
            held = teacher.sample(mine.stop - mine.start, both[1][1], latents=both[1][0])
            # With noise, calls of as many rows as the teacher's.
            calls = both if noisy else [_joined(both)]
            images = torch.cat([self.gan.generate(latents, labels) for latents, labels in calls])
        wanted = torch.cat([substitutes[mine], held])
        distance = (images - wanted).square().flatten(1).mean(1).split(len(both[0][0]))
        return distance[0].sum() / times, distance[1].sum() / times

    def discriminator_half(self, teacher: GAN, regions: LatentRegions, rows: Rows) -> dict[str, float]:
        """Moves the discriminator: forgotten images to their fake labels, retained ones to the teacher's scores."""
        if self.discriminator_step is not None:
            step, rows = self.discriminator_step, rows.joined()
            aims = self.aims(regions, rows)
            numbers: dict[str, float] = together(
                lambda: answer("the discriminator's step", _NUMBERS, step, self.gan, teacher, rows, aims)
            )
            share(self.gan.discriminator.parameters())
            return numbers
        images, labels, forgotten = rows.on(self.gan.device)
        (counts,) = sum_over_processes([torch.stack([forgotten.sum(), (~forgotten).sum()]).double()])
        n_forgotten, n_retained = counts.tolist()
        if n_forgotten == 0:  # the same on all processes: nothing to unlearn in this batch
            return {}
        weight = next(self.gan.discriminator.parameters())
        # Nets need not take a batch of no rows.
        now = self.gan.score(images, labels) if len(images) else weight.new_zeros(0)
        scores = now[forgotten]
        # Of all processes, rows or none: ranks are those among all, and the random number streams stay alike.
        everyones, own = with_others(scores)
        targets = self.aims(regions, rows)(everyones, self.gan, teacher)[own]
        with torch.no_grad():
            held = teacher.score(images, labels) if len(images) else now
        to_labels = smooth_l1_loss(scores, targets, reduction="sum") / n_forgotten
        to_teacher = smooth_l1_loss(now[~forgotten], held[~forgotten], reduction="sum") / max(n_retained, 1)
        loss, anchor = self._descend("discriminator", (to_labels, to_teacher))
        with torch.no_grad():
            score, target = sum_over_processes([scores.sum() / n_forgotten, targets.sum() / n_forgotten])
        numbers = {"forget_score": float(score), "fake_label": float(target)}
        return {"fake_label_loss": loss, "discriminator_anchor_loss": anchor, **numbers}

    def aims(self, regions: LatentRegions, rows: Rows) -> Aims:
        """Returns what these rows and latents are led to, as a :class:`DiscriminatorStep` is given it."""
        return Aims(self.fake_label, self.substitution, regions, rows)

    def mend(self) -> None:
        """Lets each optimiser begin again that holds a moment which is not finite."""
        for descent in self.descents.values():
            descent.mend()
        getattr(self.discriminator_step, "mend", lambda: None)()

    def state_dict(self) -> dict[str, Any]:
        """Returns the optimisers' states, and that of the discriminator's step where it has one."""
        own: dict[str, Any] = getattr(self.discriminator_step, "state_dict", dict)()
        states = {name: descent.state_dict() for name, descent in self.descents.items()}
        return {**states, "discriminator_step": own} if own else states

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Loads what :meth:`state_dict` returned."""
        for name, descent in self.descents.items():
            descent.load_state_dict(state[name])
        load = getattr(self.discriminator_step, "load_state_dict", None)
        if load is not None:
            load(state.get("discriminator_step", {}))

    def _descend(self, net: str, losses: tuple[Tensor, Tensor]) -> tuple[float, float]:
        descent = self.descents[net]
        parameters, gradients = descent.moving, descent.gradients(losses[0] + self.anchor * losses[1])
        first, second, *reduced = sum_over_processes(
            [losses[0].detach(), losses[1].detach(), *filled(parameters, gradients)]
        )
        values = torch.stack([first, second]).tolist()
        if not all(abs(value) < float("inf") for value in values):
            raise UnlearningDivergedError(
                f"The unlearning loss of the {net} is not finite ({values[0]:.3g} and {values[1]:.3g}): the last good "
                "weights are back. Use a smaller learning rate, and check that the user's own losses stay finite."
            )
        descent.step(parameters, reduced)
        return values[0], values[1]


def _joined(parts: list[Latents]) -> Latents:
    latents, labels = zip(*parts, strict=True)
    return torch.cat(latents), None if any(given is None for given in labels) else torch.cat(labels)


def _rows(labels: Tensor | None, mine: slice) -> Tensor | None:
    return None if labels is None else labels[mine]
