"""How torchgan's models are called: latents, labels and the kind of score, from what the models say of themselves."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torchgan.layers import VirtualBatchNorm
from torchgan.models import AutoEncodingDiscriminator, Discriminator, Generator

from ignite_unlearn import GAN, UnlearningError
from ignite_unlearn.gan.gan import Scores
from ignite_unlearn.gan.nets import unwrap
from ignite_unlearn_torchgan.layers import untouched


def gan(generator: nn.Module, discriminator: nn.Module, **options: Any) -> GAN:
    """Returns torchgan's two models as a GAN.

    Found by itself: latents by ``encoding_dims``; the number of classes by ``num_classes``, where ``label_type`` is
    ``"required"`` or ``"generated"``; the kind of score by the discriminator's last layer. The energy of an
    ``AutoEncodingDiscriminator`` is low for real images; its score is the energy's negative.

    Args:
        generator: a ``torchgan.models.Generator``.
        discriminator: a ``torchgan.models.Discriminator``.
        options: of :class:`ignite_unlearn.GAN`; each takes the place of what would be found.

    Raises:
        UnlearningError: if a model is not torchgan's, or what it says of itself is not enough.

    Example:
        >>> from torchgan.models import ACGANDiscriminator, ACGANGenerator
        >>> netG = ACGANGenerator(10, encoding_dims=8, out_size=16, step_channels=4)
        >>> found = gan(netG, ACGANDiscriminator(10, in_size=16, step_channels=4))
        >>> found.latents, found.labels, found.scores, found.score(found.sample(4)).shape
        ((8,), 10, 'logits', torch.Size([4]))
    """
    generator, discriminator = unwrap(generator), unwrap(discriminator)
    for net, kind in ((generator, Generator), (discriminator, Discriminator)):
        if not isinstance(net, kind):
            raise UnlearningError(
                f"gan() got a {type(net).__name__}: expected a torchgan.models.{kind.__name__}. Wrap other nets in "
                "ignite_unlearn.GAN(...)."
            )
        if any(isinstance(module, VirtualBatchNorm) for module in net.modules()):
            raise UnlearningError(
                f"The {type(net).__name__} has a VirtualBatchNorm, whose images depend on the passes before: the phase "
                "cannot take passes of its own. Use BatchNorm2d."
            )
    if isinstance(discriminator, AutoEncodingDiscriminator) and not discriminator.energy:
        raise UnlearningError(
            "AutoEncodingDiscriminator(energy=False) returns images, not scores: build it with energy=True."
        )
    found: dict[str, Any] = {"latents": (generator.encoding_dims,), "scores": _scores(discriminator)}
    if generator.label_type != "none" and "labels" not in options:
        found["labels"] = _classes(generator, discriminator)
    found |= {"generate": _generate, "discriminate": _discriminate}
    return GAN(generator, discriminator, **(found | options))


def _scores(discriminator: Discriminator) -> Scores:
    if isinstance(discriminator, AutoEncodingDiscriminator):
        return "critic"
    # `disc` is where torchgan's own models end; other heads are registered after it.
    last = list(getattr(discriminator, "disc", discriminator).modules())[-1]
    return "probabilities" if isinstance(last, nn.Sigmoid) else "logits"


def _classes(generator: Generator, discriminator: Discriminator) -> int:
    for net in (generator, discriminator):
        if hasattr(net, "num_classes"):
            return net.num_classes
    raise UnlearningError(
        f"The generator's label_type is {generator.label_type!r}, but neither model has num_classes: give the number "
        "of classes, gan(..., labels=...)."
    )


def _generate(generator: nn.Module, latents: Tensor, labels: Tensor | None) -> Tensor:
    with untouched(generator):
        return generator(latents) if labels is None else generator(latents, labels)


def _discriminate(discriminator: nn.Module, images: Tensor, labels: Tensor | None) -> Any:
    with untouched(discriminator):
        asked = () if discriminator.label_type == "none" or labels is None else (labels.to(images.device),)
        output = discriminator(images, *asked)
    if isinstance(discriminator, AutoEncodingDiscriminator):
        return -(output[1] if discriminator.embeddings else output)
    return output
