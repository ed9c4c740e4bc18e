"""The moving average that is released, made to forget with the generator that it follows."""

from __future__ import annotations

from typing import Any

import torch
from ignite.engine import Engine
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.nets import unwrap
from ignite_unlearn.handlers.events import UnlearningEvents
from ignite_unlearn.handlers.handle import PhaseHandle
from ignite_unlearn.handlers.phase import UnlearningPhase
from ignite_unlearn.utils.asked import asks, kind


class RestartAverage:
    """Makes a moving average of the generator begin again at the generator, after each unlearning step.

    Many release an average of the generator (Yazici et al. 2019, arXiv 1806.04498; StyleGAN's ``G_ema``). The phase
    changes the generator that is trained, and an average as long as a training goes on making what that has forgotten.
    With this handler it is a copy of the generator after each unlearning step, parameters and buffers, and averages
    from there on by the means of your own loop; and once more where the phase ends in a best state that is put back.
    That is the one thing that it changes, with a learning rate of 0 too.

    Attach it before what measures the average. Before the phase is attached let the generator begin where the average
    is, ``netG.load_state_dict(average.state_dict())``: then the original is what was released.

    Args:
        unlearning: the phase, on the GAN of the generator that is averaged.
        average: the average: a copy of the generator, such as ``EMAHandler(netG).ema_model``, or an ``AveragedModel``,
            which counts from one again.

    Raises:
        UnlearningError: if the average is no module, the generator itself, or no copy of it.

    Example:
        >>> import copy
        >>> from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses
        >>> from ignite_unlearn.cascade.fake_labels.fixed import Fixed
        >>> from ignite_unlearn.cascade.substitutions.other_class import OtherClass
        >>> netG, netD = nn.Embedding(3, 16), nn.Sequential(nn.Flatten(), nn.Linear(16, 1))
        >>> gan = GAN(
        ...     netG, netD, latents=(16,), labels=3, generate=lambda net, z, y: (z + net(y)).view(-1, 1, 4, 4)
        ... )
        >>> trainer, average = Engine(lambda engine, batch: None), copy.deepcopy(netG)
        >>> unlearning = CascadedUnlearning(
        ...     gan, forget=ForgetClasses({2}), substitution=OtherClass(), fake_label=Fixed(-1)
        ... )
        >>> unlearning.measured = True
        >>> with unlearning.attach(trainer), RestartAverage(unlearning, average).attach(trainer):
        ...     state = trainer.run([(torch.zeros(6, 1, 4, 4), torch.arange(6) % 3)])
        >>> torch.equal(average.weight, netG.weight)
        True
    """

    @asks(unlearning=kind("an unlearning phase", UnlearningPhase))
    def __init__(self, unlearning: UnlearningPhase, average: nn.Module):
        if not isinstance(average, nn.Module):
            raise UnlearningError(
                f"RestartAverage got a {type(average).__name__} for the average: expected a module, such as ema_model "
                "of Ignite's EMAHandler."
            )
        self.unlearning, self.average = unlearning, average
        self._copy = unwrap(average.module if isinstance(average, AveragedModel) else average)
        generator = unlearning.gan.generator
        if self._copy is generator:
            raise UnlearningError(
                "RestartAverage got the generator that unlearns for the average: make the phase's GAN of the generator "
                "that the trainer trains, and give the copy that averages it here."
            )
        if _form(self._copy) != _form(generator):
            raise UnlearningError(
                f"The average, a {type(self._copy).__name__}, is no copy of the generator, a "
                f"{type(generator).__name__}: give one that averages it."
            )

    def attach(self, trainer: Engine) -> PhaseHandle:
        """Attaches to a trainer that the phase is attached to; returns a removable handle."""
        event = UnlearningEvents
        hears = {event.UNLEARNING_STEP_TAKEN: self._restart, event.UNLEARNING_COMPLETED: self._end}
        return PhaseHandle(self, trainer, hears, of=self.unlearning)

    def _end(self, engine: Engine) -> None:
        if getattr(self.unlearning.stopping, "restored", False):  # an average of later states is of none that was kept
            self._restart(engine)

    @torch.no_grad()
    def _restart(self, engine: Engine) -> None:
        # Moving the average by what the step moved the generator was tried, and tears it within twenty steps: the
        # generator is also pulled back from learning steps that the average never made.
        for own, there in zip(_tensors(self._copy), _tensors(self.unlearning.gan.generator), strict=True):
            own.copy_(there)
        if isinstance(self.average, AveragedModel):
            self.average.n_averaged.fill_(1)  # of a mean over all steps, what was before counts no more


def _tensors(net: nn.Module) -> list[Tensor]:
    return [*net.parameters(), *net.buffers()]


def _form(net: nn.Module) -> list[Any]:
    return [tensor.shape for tensor in _tensors(net)]
