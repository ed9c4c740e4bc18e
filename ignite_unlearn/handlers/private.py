"""Nets under opacus: an unlearning step is no private step, so it is refused instead of breaking a promise."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.gan import GAN


def refuse_private(gan: GAN) -> None:
    """Refuses nets that opacus has hooks on, whether they were given in its wrapper or out of it.

    Args:
        gan: the GAN.

    Raises:
        UnlearningError: if opacus has prepared one of its nets.

    Example:
        >>> refuse_private(GAN(nn.Linear(2, 4), nn.Linear(4, 1), latents=(2,)))
    """
    for name in ("generator", "discriminator"):
        if any(_of_opacus(hook) for module in getattr(gan, name).modules() for hook in _hooks(module)):
            raise UnlearningError(
                f"The {name} is under opacus, and an unlearning step is outside of its privacy budget: unlearn on the "
                "plain module, GradSampleModule.to_standard_module(), in a loop with a plain optimizer, and do not "
                "call the result differentially private."
            )


def _hooks(module: nn.Module) -> list[Any]:
    return [*module._forward_hooks.values(), *module._forward_pre_hooks.values(), *module._backward_hooks.values()]


def _of_opacus(hook: Any) -> bool:
    while isinstance(hook, partial):
        hook = hook.func
    owner = getattr(hook, "__self__", hook)
    return (getattr(owner, "__module__", None) or type(owner).__module__).partition(".")[0] == "opacus"
