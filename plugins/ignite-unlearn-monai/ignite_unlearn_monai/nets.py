"""The nets of a MONAI trainer as a GAN: how it calls them, what it feeds them, what its scores mean."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from monai.engines import AdversarialTrainer, GanTrainer
from monai.networks.nets import MultiScalePatchDiscriminator, PatchDiscriminator
from torch import Tensor, nn

from ignite_unlearn import GAN, UnlearningError
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import Scores
from ignite_unlearn_monai.reading import Reading

# What may stand between a sigmoid and the scores: steps of autograd that leave a probability one.
_PASSED = ("View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze", "Mean", "Alias", "Clone", "ToCopy", "Select")


def gan(trainer: GanTrainer | AdversarialTrainer, **options: Any) -> GAN:
    """Returns the nets of a MONAI trainer as a GAN.

    Found by itself: the nets; the images that the trainer's step reads of its batch; latents by ``g_prepare_batch`` and
    ``latent_shape``; the calls by ``g_inferer`` and ``d_inferer``; whether scores are probabilities, by the operation
    that the discriminator ends in. Of MONAI's patch discriminators the score maps are averaged.

    An ``AdversarialTrainer`` feeds its generator images, not latents. Where a part of it makes images of latents, such
    as an autoencoder's decoder, say so: ``gan(trainer, generator=net.decoder, latents=(8,))``.

    Args:
        trainer: the trainer.
        options: of :class:`ignite_unlearn.GAN`, ``generator`` and ``discriminator`` included; each takes the place of
            what would be found. With ``labels=number of classes`` the nets are called as :class:`ignite_unlearn.GAN`
            says, ``generator(latents, labels)``, and not by the inferers.

    Raises:
        UnlearningError: if the trainer is none of the two, its latents cannot be known, or the nets do not fit.

    Example:
        >>> from monai.networks.nets import Discriminator, Generator
        >>> netG = Generator(8, (4, 4, 4), (4, 1), (2, 2), num_res_units=0)
        >>> netD = Discriminator((1, 16, 16), (4, 8), (2, 2), num_res_units=0)
        >>> loader = torch.utils.data.DataLoader([{"reals": torch.zeros(1, 16, 16)}])
        >>> trainer = GanTrainer("cpu", 1, loader, netG, None, None, netD, None, None, latent_shape=8)
        >>> found = gan(trainer)
        >>> found.scores, found.sample(4).shape
        ('probabilities', torch.Size([4, 1, 16, 16]))
    """
    found: dict[str, Any]
    if isinstance(trainer, GanTrainer):
        found = {"generator": trainer.g_network, "discriminator": trainer.d_network, "latents": partial(_draw, trainer)}
    elif isinstance(trainer, AdversarialTrainer):
        found = {"generator": trainer.state.g_network, "discriminator": trainer.state.d_network}
        if "latents" not in options:
            raise UnlearningError(
                "An AdversarialTrainer makes images of images, and the phase needs latents: if a part of its generator "
                "makes images of latents, give gan(trainer, generator=that part, latents=shape); translation from "
                "image to image is not supported."
            )
    else:
        raise UnlearningError(
            f"Expected monai.engines.GanTrainer or AdversarialTrainer, not {type(trainer).__name__}: for other engines "
            "say by ignite_unlearn.GAN(...) how the nets are called."
        )
    reading = Reading(trainer.prepare_batch)
    found["image"] = (reading.get, reading.put)
    if options.get("labels") is None:
        found |= {"generate": partial(_generate, trainer), "discriminate": partial(_discriminate, trainer)}
    made = GAN(**(found | options))
    if "scores" not in options:
        made.scores = _scores(made)
    return made


def _draw(trainer: GanTrainer, n: int) -> Tensor:
    latents = trainer.g_prepare_batch(
        num_latents=n,
        latent_size=trainer.latent_shape,
        device=trainer.state.device,
        non_blocking=trainer.non_blocking,
        **trainer.to_kwargs,
    )
    if not isinstance(latents, Tensor):
        raise UnlearningError(
            f"The trainer's g_prepare_batch returns a {type(latents).__name__}, not a tensor of latents: say what is "
            "drawn and how the nets are called, gan(trainer, latents=..., labels=..., generate=..., discriminate=...)."
        )
    return latents


def _generate(
    trainer: GanTrainer | AdversarialTrainer, generator: nn.Module, latents: Tensor, labels: Tensor | None
) -> Tensor:
    return trainer.g_inferer(latents, generator)


def _discriminate(
    trainer: GanTrainer | AdversarialTrainer, discriminator: nn.Module, images: Tensor, labels: Tensor | None
) -> Any:
    output = trainer.d_inferer(images, discriminator)
    # Both return the features of every layer too; the map of scores comes last.
    if isinstance(discriminator, PatchDiscriminator) and isinstance(output, list):
        return output[-1]
    if isinstance(discriminator, MultiScalePatchDiscriminator) and isinstance(output, tuple):
        return torch.stack([scores.flatten(1).mean(1) for scores in output[0]]).mean(0)
    return output


def _scores(made: GAN) -> Scores:
    """Returns what the scores are, by the last operation that made them."""
    with borrow(made.generator, made.discriminator):
        labels = made.sample_labels(2)
        step = made.score(made.sample(2, labels), labels).grad_fn
    while step is not None and step.name().startswith(_PASSED):
        step = step.next_functions[0][0]
    return "probabilities" if step is not None and step.name().startswith("Sigmoid") else "logits"
