"""How the generator and the discriminator of a StyleGAN checkout are called."""

from __future__ import annotations

from typing import Any

import torch
from ignite.engine import Engine
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ignite_unlearn import GAN, UnlearningError
from ignite_unlearn.gan.nets import unwrap
from ignite_unlearn_stylegan.attributes import require_attributes
from ignite_unlearn_stylegan.batch import images_of, labels_of, put_images, put_labels
from ignite_unlearn_stylegan.learning import PhasesEngine


def gan(engine_or_generator: Engine | nn.Module, discriminator: nn.Module | None = None, /, **options: Any) -> GAN:
    """Returns a StyleGAN's two nets as a GAN: ``gan(learning)``, those that an engine trains, or ``gan(G, D)``.

    What unlearns is what is trained, so a phase wants ``gan(learning)``; ``gan(G_ema, D)`` is for what measures the
    average that is released.

    Found by itself: latents by ``z_dim``; the number of classes by ``c_dim``, where 0 is an unconditional GAN. Labels
    are given to the nets one-hot, and read from one-hot ones in the batch; its images are uint8, or in [-1, 1]. Images
    are made with ``noise_mode="const"``, and both nets are called with ``force_fp32=True``. Where the discriminator has
    minibatch statistics over groups of rows, rows are repeated until the groups are full.

    Args:
        engine_or_generator: what :func:`~ignite_unlearn_stylegan.engine` returned, or a generator with ``z_dim``,
            ``c_dim``, ``mapping(z, c)`` and ``synthesis(ws)``.
        discriminator: with ``c_dim``, called with ``(img, c)``; None: the engine's.
        options: of :class:`ignite_unlearn.GAN`; each takes the place of what would be found.

    Raises:
        UnlearningError: if a net lacks one of these attributes, or the engine is another one.
    """
    generator, discriminator = _two(engine_or_generator, discriminator)
    require_attributes("generator", generator, "z_dim", "c_dim", "mapping", "synthesis")
    require_attributes("discriminator", discriminator, "c_dim")
    found: dict[str, Any] = {
        "latents": (generator.z_dim,),
        "image": (images_of, put_images),
        "generate": lambda net, latents, labels: synthesize(net, to_w(net, latents, labels)),
        "discriminate": _score,
    }
    if generator.c_dim:
        found |= {"labels": generator.c_dim, "label": (labels_of, put_labels)}
    return GAN(generator, discriminator, **(found | options))


def _two(source: Any, discriminator: Any) -> tuple[Any, Any]:
    if isinstance(source, PhasesEngine) and discriminator is None:
        return source.generator, source.discriminator
    if not isinstance(source, nn.Module) or not isinstance(discriminator, nn.Module):
        raise UnlearningError(
            f"gan() got a {type(source).__name__} and a {type(discriminator).__name__}: expected an engine of this "
            "plug-in, gan(engine(loss, phases)), or a generator and a discriminator, gan(G, D)."
        )
    return unwrap(source), unwrap(discriminator)


def to_w(generator: Any, latents: Tensor, labels: Tensor | None, **options: Any) -> Tensor:
    """Returns the intermediate latents ``(N, num_ws, w_dim)`` of latents ``(N, z_dim)`` and classes ``(N,)``.

    Args:
        generator: the generator.
        latents: z.
        labels: None for an unconditional generator.
        options: of its mapping network, such as ``truncation_psi``.
    """
    return generator.mapping(latents, _one_hot(labels, latents, generator.c_dim), **options)


def synthesize(generator: Any, ws: Tensor) -> Tensor:
    """Returns the images of intermediate latents ``(N, num_ws, w_dim)``."""
    # Random noise would differ between the GAN and its teacher, and unlearning would take the difference for an error.
    # In half precision gradients overflow without the loss scaling of a training loop.
    return generator.synthesis(ws, noise_mode="const", force_fp32=True)


def _score(discriminator: Any, images: Tensor, labels: Tensor | None) -> Any:
    n = len(images)
    sizes = [getattr(module, "group_size", None) for module in discriminator.modules()]
    group = max([size for size in sizes if isinstance(size, int)], default=1)
    rows = torch.arange(n + (-n % group if n > group else 0), device=images.device) % n
    c = _one_hot(labels, images, discriminator.c_dim)
    return discriminator(images[rows], c[rows], force_fp32=True)[:n]


def _one_hot(labels: Tensor | None, like: Tensor, c_dim: int) -> Tensor:
    if c_dim == 0:
        return torch.zeros(len(like), 0, device=like.device)
    if labels is None:
        raise UnlearningError(f"The nets are conditional, c_dim={c_dim}, and no class labels were given.")
    return one_hot(labels.to(like.device), c_dim).float()
