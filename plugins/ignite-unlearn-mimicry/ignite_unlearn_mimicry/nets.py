"""How mimicry's nets are called, from what they say of themselves, and how their checkpoints are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch_mimicry.nets.basemodel.basemodel import BaseModel
from torch_mimicry.nets.gan.gan import BaseDiscriminator, BaseGenerator

from ignite_unlearn import GAN, UnlearningError
from ignite_unlearn.gan.gan import Scores, first_line
from ignite_unlearn.utils.files import read_weights

_SCORES: dict[str, Scores] = {"gan": "logits", "ns": "logits", "hinge": "critic", "wasserstein": "critic"}


def refuse_others(netG: nn.Module, netD: nn.Module) -> None:  # noqa: N803 - as mimicry names them
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


def gan(netG: BaseGenerator, netD: BaseDiscriminator, **options: Any) -> GAN:  # noqa: N803
    """Returns mimicry's two nets as a GAN.

    Found by itself: latents by the generator's ``nz``; the number of classes by its ``num_classes`` (a discriminator's
    may count something else, such as SSGAN's rotations); the kind of score by the discriminator's ``loss_type``.

    Args:
        netG: the generator.
        netD: the discriminator.
        options: of :class:`ignite_unlearn.GAN`; each takes the place of what would be found.

    Raises:
        UnlearningError: if a net is not mimicry's, or its ``loss_type`` is not known.

    Example:
        >>> from torch_mimicry.nets import sagan
        >>> netG = sagan.SAGANGenerator32(10, nz=8, ngf=8, bottom_width=2)
        >>> found = gan(netG, sagan.SAGANDiscriminator32(10, ndf=8))
        >>> found.latents, found.labels, found.scores, found.sample(4).shape
        ((8,), 10, 'critic', torch.Size([4, 3, 16, 16]))
    """
    refuse_others(netG, netD)
    found: dict[str, Any] = {"latents": (netG.nz,), "labels": getattr(netG, "num_classes", 0) or None}
    if "scores" not in options:
        if netD.loss_type not in _SCORES:
            raise UnlearningError(
                f"The discriminator's loss_type is {netD.loss_type!r}: expected one of {sorted(_SCORES)}. Say what it "
                "returns, gan(..., scores='logits' or 'critic')."
            )
        found["scores"] = _SCORES[netD.loss_type]
    return GAN(netG, netD, **(found | options))


def load(net: BaseModel, path: str | Path, optimizer: Optimizer | None = None) -> int:
    """Restores a checkpoint that mimicry's ``save_checkpoint`` wrote, without running code that the file may hold.

    Args:
        net: the net that was saved.
        path: of the checkpoint, such as ``log/checkpoints/netG/netG_1000_steps.pth``.
        optimizer: restored as well; None: the weights alone.

    Returns:
        The ``global_step`` that it was saved at.

    Raises:
        UnlearningError: if the file is missing or no checkpoint of mimicry, or holds what does not fit.

    Example:
        >>> import tempfile
        >>> from torch_mimicry.nets import sngan
        >>> netD = sngan.SNGANDiscriminator32(ndf=8)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     netD.save_checkpoint(folder, 7, name="netD_7_steps.pth")
        ...     load(netD, f"{folder}/netD_7_steps.pth")
        7
    """
    content = read_weights(Path(path))
    missing = {"model_state_dict", "optimizer_state_dict", "global_step"} - content.keys()
    if missing:
        raise UnlearningError(
            f"{path} is no checkpoint of mimicry's save_checkpoint: it lacks {sorted(missing)}. Load other files into "
            "the net yourself."
        )
    if optimizer is not None and content["optimizer_state_dict"] is None:
        raise UnlearningError(f"{path} was saved without an optimiser's state: leave `optimizer` out.")
    try:
        net.load_state_dict(content["model_state_dict"])
        if optimizer is not None:
            optimizer.load_state_dict(content["optimizer_state_dict"])
    except (RuntimeError, ValueError) as error:
        raise UnlearningError(
            f"{path} does not fit the {type(net).__name__}{'' if optimizer is None else ' and its optimiser'}: "
            f"{first_line(error)} Build them as they were when it was saved."
        ) from error
    return content["global_step"]
