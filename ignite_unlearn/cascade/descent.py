"""An optimiser of a phase's own, for weights of any precision."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.precision import HALF, full, gradients_of

OptimizerFactory: TypeAlias = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


class Descent:
    """Moves parameters by an optimiser; those of half precision by copies of float32 that it keeps.

    A step that is smaller than a weight's last digit would be lost, and in float16 squares of gradients and Adam's
    ``eps`` are zero. So the optimiser moves copies (as in Micikevicius et al. 2018), and weights are what their copies
    round to. Where somebody else has moved a weight since, its copy begins again from there.

    Args:
        parameters: of a net.
        make: makes an optimiser of them.

    Attributes:
        optimizer: the optimiser.

    Example:
        >>> weight = nn.Parameter(torch.ones(1, dtype=torch.bfloat16))
        >>> descent = Descent([weight], lambda parameters: torch.optim.SGD(parameters, 0.001))
        >>> for _ in range(8):
        ...     descent.step([weight], [torch.ones(1)])
        >>> weight.item()
        0.9921875
    """

    def __init__(self, parameters: Iterable[nn.Parameter], make: OptimizerFactory):
        self._parameters = list(parameters)
        self._copies = [nn.Parameter(p.detach().float()) if p.dtype in HALF else p for p in self._parameters]
        try:
            self.optimizer = make(self._copies)
        except TypeError as error:
            raise UnlearningError(f"optimizer={make!r} cannot be called with parameters ({error}).") from error
        if not all(hasattr(self.optimizer, name) for name in ("param_groups", "step", "zero_grad")):
            made = type(self.optimizer).__name__
            raise UnlearningError(f"optimizer={make!r} makes a {made}: expected an optimiser of torch's kind.")

    @property
    def moving(self) -> list[nn.Parameter]:
        """The parameters that the optimiser moves and that ask for gradients."""
        moved = {id(p) for group in self.optimizer.param_groups for p in group["params"]}
        pairs = zip(self._parameters, self._copies, strict=True)
        return [p for p, copied in pairs if id(copied) in moved and p.requires_grad]

    def gradients(self, loss: Tensor) -> list[Tensor | None]:
        """Returns the gradients of a loss by what is moved; None for parameters that it does not depend on."""
        return gradients_of(loss, self.moving) if loss.requires_grad else [None] * len(self.moving)

    def step(self, parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor | None]) -> None:
        """Takes a step.

        Args:
            parameters: as :attr:`moving` gave them.
            gradients: one for each, of at least float32.
        """
        given = {id(p): gradient for p, gradient in zip(parameters, gradients, strict=True)}
        half = [(p, c) for p, c in zip(self._parameters, self._copies, strict=True) if c is not p]
        with torch.no_grad():
            for parameter, copied in half:
                copied.copy_(torch.where(copied.to(parameter) == parameter, copied, parameter))
        for parameter, copied in zip(self._parameters, self._copies, strict=True):
            copied.grad = given.get(id(parameter))
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            for parameter, copied in half:
                parameter.copy_(copied)

    def mend(self) -> None:
        """Begins again where a moment is not finite, and with copies of the weights as they are now."""
        moments = (value for state in self.optimizer.state.values() for value in state.values())
        if any(isinstance(m, Tensor) and not bool(m.isfinite().all()) for m in moments):
            self.optimizer.state.clear()
        with torch.no_grad():
            for parameter, copied in zip(self._parameters, self._copies, strict=True):
                copied.grad = None
                if copied is not parameter:
                    copied.copy_(parameter)

    def state_dict(self) -> dict[str, Any]:
        """Returns the optimiser's state, and the copies where there are any."""
        copies = [c.detach() for p, c in zip(self._parameters, self._copies, strict=True) if c is not p]
        state = self.optimizer.state_dict()
        return {**state, "copies": copies} if copies else state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads what :meth:`state_dict` returned."""
        own = copy.deepcopy(dict(state))
        copies = own.pop("copies", [])
        self.optimizer.load_state_dict(own)
        mine = [c for p, c in zip(self._parameters, self._copies, strict=True) if c is not p]
        with torch.no_grad():
            for copied, loaded in zip(mine, copies, strict=False):
                copied.copy_(loaded)


def filled(parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor | None]) -> list[Tensor]:
    """Returns gradients with zeros for those that are None."""
    pairs = zip(parameters, gradients, strict=True)
    return [torch.zeros_like(full(p.detach())) if gradient is None else gradient for p, gradient in pairs]
