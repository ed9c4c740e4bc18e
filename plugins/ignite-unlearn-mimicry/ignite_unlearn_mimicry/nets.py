"""How mimicry's nets are called, from what they say of themselves, and how their checkpoints are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ignite.engine import Engine
from torch.optim import Optimizer
from torch_mimicry.nets.basemodel.basemodel import BaseModel
from torch_mimicry.nets.gan.gan import BaseDiscriminator, BaseGenerator

from ignite_unlearn import GAN, UnlearningError
from ignite_unlearn.gan.calling import first_line
from ignite_unlearn.gan.gan import Scores
from ignite_unlearn.utils.files import read_weights
from ignite_unlearn_mimicry.learning import TrainSteps, refuse_others

_SCORES: dict[str, Scores] = {"gan": "logits", "ns": "logits", "hinge": "critic", "wasserstein": "critic"}


def gan(
    engine_or_netG: Engine | BaseGenerator,  # noqa: N803 - as mimicry names them
    netD: BaseDiscriminator | None = None,  # noqa: N803
    /,
    **options: Any,
) -> GAN:
    """Returns mimicry's two nets as a GAN: ``gan(learning)``, those that an engine trains, or ``gan(netG, netD)``.

    Found by itself: latents by the generator's ``nz``; the number of classes by its ``num_classes`` (a discriminator's
    may count something else, such as SSGAN's rotations); the kind of score by the discriminator's ``loss_type``.

    Args:
        engine_or_netG: what :func:`~ignite_unlearn_mimicry.engine` returned, or the generator.
        netD: the discriminator; None: the engine's.
        options: of :class:`ignite_unlearn.GAN`; each takes the place of what would be found.

    Raises:
        UnlearningError: if a net is not mimicry's, its ``loss_type`` is not known, or the engine is none of mimicry's
            train steps.

    Example:
        >>> from torch_mimicry.nets import sagan
        >>> netG = sagan.SAGANGenerator32(10, nz=8, ngf=8, bottom_width=2)
        >>> found = gan(netG, sagan.SAGANDiscriminator32(10, ndf=8))
        >>> found.latents, found.labels, found.scores, found.sample(4).shape
        ((8,), 10, 'critic', torch.Size([4, 3, 16, 16]))
    """
    if isinstance(engine_or_netG, TrainSteps) and netD is None:
        netG, netD = engine_or_netG.netG, engine_or_netG.netD  # noqa: N806
    elif isinstance(engine_or_netG, Engine) or netD is None:
        raise UnlearningError(
            f"gan() got a {type(engine_or_netG).__name__} and a {type(netD).__name__}: expected an engine over "
            "mimicry's train steps, gan(engine(netG, netD, optG, optD)), or the two nets, gan(netG, netD)."
        )
    else:
        netG = engine_or_netG  # noqa: N806
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
