"""How torchgan's models are called: latents, labels and the kind of score, from what the models say of themselves."""

from __future__ import annotations

from typing import Any

from ignite.engine import Engine
from torch import Tensor, nn
from torchgan.layers import VirtualBatchNorm
from torchgan.models import AutoEncodingDiscriminator, Discriminator, Generator

from ignite_unlearn import GAN, UnlearningError
from ignite_unlearn.gan.gan import Scores
from ignite_unlearn.gan.nets import unwrap
from ignite_unlearn_torchgan.learning import TrainOps, nets


def gan(engine_or_generator: Engine | nn.Module, discriminator: nn.Module | None = None, /, **options: Any) -> GAN:
    """Returns torchgan's two models as a GAN: ``gan(learning)``, those that an engine trains, or ``gan(netG, netD)``.

    Found by itself: latents by ``encoding_dims``; the number of classes by ``num_classes``, where ``label_type`` is
    ``"required"`` or ``"generated"``; the kind of score by the discriminator's last layer. The energy of an
    ``AutoEncodingDiscriminator`` is low for real images; its score is the energy's negative.

    Args:
        engine_or_generator: what :func:`~ignite_unlearn_torchgan.engine` returned, or a ``torchgan.models.Generator``.
        discriminator: a ``torchgan.models.Discriminator``; None: the engine's.
        options: of :class:`ignite_unlearn.GAN`; each takes the place of what would be found.

    Raises:
        UnlearningError: if a model is not torchgan's, or what it says of itself is not enough; if the engine is none of
            torchgan's, or trains several generators or discriminators.

    Example:
        >>> from torchgan.models import ACGANDiscriminator, ACGANGenerator
        >>> netG = ACGANGenerator(10, encoding_dims=8, out_size=16, step_channels=4)
        >>> found = gan(netG, ACGANDiscriminator(10, in_size=16, step_channels=4))
        >>> found.latents, found.labels, found.scores, found.score(found.sample(4)).shape
        ((8,), 10, 'logits', torch.Size([4]))
    """
    generator, discriminator = _two(engine_or_generator, discriminator)
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


def _two(source: Any, discriminator: Any) -> tuple[Any, Any]:
    if isinstance(source, TrainOps) and discriminator is None:
        return _only(source, Generator), _only(source, Discriminator)
    if not isinstance(source, nn.Module) or not isinstance(discriminator, nn.Module):
        raise UnlearningError(
            f"gan() got a {type(source).__name__} and a {type(discriminator).__name__}: expected an engine over "
            "torchgan's losses, gan(engine(trainer)), or a generator and a discriminator, gan(netG, netD)."
        )
    return unwrap(source), unwrap(discriminator)


def _only(engine: TrainOps, kind: type) -> Any:
    found = [net for net in map(unwrap, nets(engine.arguments)) if isinstance(net, kind)]
    if len(found) != 1:
        raise UnlearningError(
            f"The engine's arguments hold {len(found)} nets of torchgan.models.{kind.__name__}, and one is expected: "
            "say which are to unlearn, gan(generator, discriminator)."
        )
    return found[0]


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
    return generator(latents) if labels is None else generator(latents, labels)


def _discriminate(discriminator: nn.Module, images: Tensor, labels: Tensor | None) -> Any:
    asked = () if discriminator.label_type == "none" or labels is None else (labels.to(images.device),)
    output = discriminator(images, *asked)
    if isinstance(discriminator, AutoEncodingDiscriminator):
        return -(output[1] if discriminator.embeddings else output)
    return output
