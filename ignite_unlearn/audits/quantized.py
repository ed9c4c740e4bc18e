"""Audit: does what was forgotten come back in a copy whose weights are rounded?"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ignite_unlearn.audits.audit import Audit
from ignite_unlearn.audits.plan import refuse_other_than_audits
from ignite_unlearn.audits.result import AuditResult
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.utils.asked import CALL, Asked, asks, kind

_BITS = (16, 8, 4)
_OF = Asked("16, 8 or 4", lambda bits: not isinstance(bits, Tensor) and bits in _BITS)


@asks(audit=CALL, bits=_OF)
@dataclass(frozen=True, eq=False, repr=False)
class Quantized:
    """Another audit, made on a copy of the GAN with rounded weights.

    Where forgetting is a push of many weights by less than half a rounding step, rounding takes it back: Zhang et al.
    2025, "Catastrophic Failure of LLM Unlearning via Quantization" (ICLR), found 83 % of forgotten text again at four
    bits. The copy computes in the GAN's own precision. The retrained GAN beside it is rounded in the same way.

    Args:
        audit: what is asked of the copy, such as ``Membership(items, unseen)``.
        bits: 16, all weights and buffers become bfloat16; 8 or 4, matrices and kernels become whole numbers of that
            many bits, symmetric about 0, times one scale an output channel; vectors and buffers stay, as is usual.

    Raises:
        UnlearningError: if ``bits`` is another number.

    Example:
        >>> from ignite_unlearn.audits.membership import Membership
        >>> gan = GAN(nn.Linear(2, 4), nn.Linear(4, 1), latents=(2,))
        >>> audit = Quantized(Membership(torch.rand(5, 4), torch.rand(9, 4)), bits=4)
        >>> audit.key, audit(gan).details["bits"]
        ('membership_discriminator_score_4_bits', 4)
    """

    audit: Audit
    bits: int = 8

    def __post_init__(self) -> None:
        refuse_other_than_audits([self.audit])
        if self.bits not in _BITS:
            raise UnlearningError(f"Quantized(bits={self.bits}): expected 16, 8 or 4.")

    @property
    def key(self) -> str:
        """The audit's key and the bits, which programs know it by."""
        return f"{self.audit.key}_{self.bits}_bits"

    @property
    def title(self) -> str:
        """What people read."""
        return f"{self.audit.title}, weights of {self.bits} bits"

    def __call__(self, gan: GAN, *, retrained: AuditResult | None = None) -> AuditResult:
        """Audits a rounded copy of a GAN.

        Raises:
            UnlearningError: if the GAN cannot be copied, or the audit cannot be made.
        """
        found = self.audit(rounded(gan, self.bits), retrained=retrained)
        return replace(found, key=self.key, audit=self.title, details={**found.details, "bits": self.bits})


@asks(gan=kind("a GAN", GAN), bits=_OF)
def rounded(gan: GAN, bits: int) -> GAN:
    """Returns a copy of a GAN with rounded weights; see :class:`Quantized`.

    A weight that is computed from others is rounded where it is kept: spectral norm divides all of a matrix by one
    number, and weight norm each row by its length, which a scale for each row allows for.

    Example:
        >>> gan = GAN(nn.Linear(2, 4), nn.Linear(400, 1), latents=(2,))
        >>> len(rounded(gan, 4).discriminator.weight.unique()) <= 15
        True
    """
    copied = gan.teacher()
    for net in (copied.generator, copied.discriminator):
        _round(net, bits)
    return copied


@torch.no_grad()
def _round(net: nn.Module, bits: int) -> None:
    if bits == 16:
        for tensor in itertools.chain(net.parameters(), net.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(tensor.bfloat16())
        return
    done: set[int] = set()  # a weight that two layers share is rounded once, as the first of them has it
    for module in net.modules():
        turned = isinstance(module, nn.modules.conv._ConvTransposeNd)  # its output channels come second
        for weight in module.parameters(recurse=False):
            if weight.dim() >= 2 and weight.is_floating_point() and id(weight) not in done:
                done.add(id(weight))
                weight.copy_(_whole(weight.transpose(0, 1), bits).transpose(0, 1) if turned else _whole(weight, bits))


def _whole(weight: Tensor, bits: int) -> Tensor:
    most = 2 ** (bits - 1) - 1
    step = weight.abs().amax(dim=tuple(range(1, weight.dim())), keepdim=True) / most
    return torch.where(step > 0, (weight / step).round() * step, weight)
