"""What a way to unlearn says of itself; a phase does all else."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from ignite_unlearn.forget.forget import Forget
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.handlers.looks import Look
from ignite_unlearn.handlers.original import Original
from ignite_unlearn.handlers.rows import Rows
from ignite_unlearn.utils.asked import COUNT, REQUEST, TEXT, Asked, kind, maybe, whole

# What a phase asks of its arguments, whatever its method.
PHASE: Mapping[str, Asked] = {
    "gan": kind("a GAN", GAN),
    "forget": REQUEST,
    "batch_size": COUNT,
    "every": whole(at_least=1),
    "max_iterations": maybe(whole(at_least=1)),
    "seed": whole(),
    "metrics_prefix": maybe(TEXT),
}


class UnlearningMethod(ABC):
    """What a subclass of :class:`~ignite_unlearn.UnlearningPhase` says of itself.

    Only ``name`` and :meth:`unlearn` are needed.

    Args:
        gan: the GAN whose nets the trainer trains.
        forget: what to forget.
        batch_size: images of a request for items in an unlearning step, and what else a method draws.
        every: take an unlearning step only in every so many iterations of the loop.

    Attributes:
        name: the method's name, in records and tables.

    Example:
        >>> import torch
        >>> from ignite.engine import Engine
        >>> from ignite_unlearn import GAN, ForgetClasses
        >>> from ignite_unlearn.handlers.phase import UnlearningPhase
        >>> class FineTuning(UnlearningPhase):
        ...     name = "fine-tuning"
        ...
        ...     def unlearn(self, original, rows):
        ...         return {}  # the loop's own step does all
        >>> netG = torch.nn.Embedding(3, 16)
        >>> netD = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 1))
        >>> gan = GAN(
        ...     netG, netD, latents=(16,), labels=3, generate=lambda net, z, y: (z + net(y)).view(-1, 1, 4, 4)
        ... )
        >>> trainer = Engine(lambda engine, batch: batch[1].tolist())
        >>> phase = FineTuning(gan, forget=ForgetClasses({2}))
        >>> phase.measured = True
        >>> with phase.attach(trainer):
        ...     state = trainer.run([(torch.zeros(6, 1, 4, 4), torch.arange(6) % 3)])
        >>> 2 in state.output, phase.iterations, phase.settings()
        (False, 1, {'options': {'every': 1, 'batch_size': 64}})
    """

    name: ClassVar[str]

    def __init__(self, gan: GAN, forget: Forget, *, batch_size: int, every: int):
        self.gan, self.forget = gan, forget
        self.batch_size, self.every = batch_size, every

    def begin(self, original: Original) -> None:  # noqa: B027 - these three need not be said
        """Changes the borrowed nets once, before the first unlearning step; by default nothing.

        Args:
            original: the original GAN, frozen, and where it makes what.
        """

    @abstractmethod
    def unlearn(self, original: Original, rows: Rows) -> dict[str, float]:
        """Takes one unlearning step, and returns its numbers.

        ``gan``'s nets are borrowed: in eval mode, without gradients, all their state but the weights put back
        afterwards; the random number streams are the phase's. Move weights by ``torch.autograd.grad``, not by
        ``backward``. On several processes this is a collective call, whose steps must be the same on all of them.

        Args:
            original: the original GAN, frozen, and where it makes what.
            rows: the batch's rows, and images of the request.
        """

    def learn_from(self, original: Original, batch: Any, forgotten: Tensor, counter: int) -> Any:
        """Returns what the loop's own step sees: a copy of ``batch`` whose forgotten rows are replaced.

        By default these are the teacher's images of retained latents, or whole retained rows where a row holds more
        than image and label. Called for every batch, so that a method can keep retained rows at hand.

        Args:
            original: the original GAN, frozen, and where it makes what.
            batch: the loop's batch.
            forgotten: bool mask ``(N,)``.
            counter: numbers the batches, so that each draws its own random numbers.
        """
        return original.replace_rows(batch, self.gan, forgotten, counter)

    def settings(self) -> dict[str, Any]:
        """Returns what a record says of the method beside its name: names of its parts, and ``options``."""
        return {"options": {"every": self.every, "batch_size": self.batch_size}}

    def sizes(self) -> dict[str, int]:
        """Returns how much an unlearning step holds at once, by the settings that say so; told where memory lacks."""
        return {"batch_size": self.batch_size}

    def mend(self) -> None:  # noqa: B027
        """Is called when a step went wrong: what the method's optimisers hold that is not finite is to go."""

    def method_state(self) -> dict[str, Any]:
        """Returns the state of the method's own, such as its optimisers'; by default none."""
        return {}

    def load_method_state(self, state: Mapping[str, Any]) -> None:  # noqa: B027
        """Loads what :meth:`method_state` returned."""

    def unseen_images(self) -> list[Tensor]:
        """Returns the sets of unseen images that the phase was given, each ``(N, ...)``."""
        unseen = self.forget.describe().unseen
        return [] if unseen is None else [unseen]

    def copied(self) -> Any:
        """Returns a copy that a check may act on: what its parts remember must not be remembered by this one."""
        return copy.copy(self)

    def try_out(self, look: Look, original: Original, rows: Rows | None) -> None:  # noqa: B027
        """Tries the method's own parts for a check, each by ``look.try_to`` and on copies; by default nothing.

        Args:
            look: collects what does not work.
            original: a copy of the GAN.
            rows: a batch's rows, some of them taken as forgotten; None where the loop has no batch.
        """
