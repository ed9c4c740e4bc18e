"""Layers of a generator, found by their use: embeddings of labels, and what reads them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.nets import uncompiled
from ignite_unlearn.gan.trained import trained_parameters

_Reader = nn.Linear | nn.Conv2d | nn.ConvTranspose2d


def readers(gan: GAN, source: nn.Module, latents: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Returns what layers of the generator read by what a module gives: weights, and the part of each that reads it.

    A part is ``(..., D)``, a view: what is written into it is written into the weight. Its last dimension is that of
    the vectors; along others lie outputs, and places of a kernel.

    Layers are found by what they are given when images are made: linear ones that are given the vectors, alone or
    beside other inputs, and convolutions that are given them at each place of an image. Layers whose weight is computed
    from others (spectral norm) or does not train are left out, and so are convolutions in groups.

    Args:
        gan: the GAN.
        source: a module of its generator that gives vectors ``(N, D)`` or ``(N, D, 1, 1)``, such as an embedding of
            labels.
        latents: ``(N, ...)``, what images are made of.
    """
    given: dict[_Reader, Tensor] = {}  # of the first part of the images, as what is made
    made: list[Tensor] = []
    trained = {id(p) for p in trained_parameters(gan.generator)}
    plain = [m for m in gan.generator.modules() if isinstance(m, _Reader) and not parametrize.is_parametrized(m)]
    plain = [m for m in plain if id(m.weight) in trained and getattr(m, "groups", 1) == 1]

    def keep(module: _Reader, args: tuple[Tensor, ...]) -> None:
        given.setdefault(module, args[0])

    handles = [source.register_forward_hook(lambda module, args, output: made.append(output))]
    handles += [m.register_forward_pre_hook(keep) for m in plain]
    try:
        labels = None if gan.labels is None else torch.arange(len(latents), device=gan.device) % gan.labels
        with uncompiled(gan.generator):
            gan.sample(len(latents), labels, latents=latents)
    finally:
        for handle in handles:
            handle.remove()
    found: list[tuple[Tensor, Tensor]] = []
    for module, inputs in given.items() if made else ():
        vectors = made[0].flatten(1)
        if inputs.dim() == (2 if isinstance(module, nn.Linear) else 4) and len(inputs) == len(vectors):
            read = module.weight.data.movedim(0 if isinstance(module, nn.ConvTranspose2d) else 1, -1)
            found += [(module.weight, read[..., at : at + vectors.shape[1]]) for at in _places(inputs, vectors)]
    return found


def _places(inputs: Tensor, vectors: Tensor) -> list[int]:
    """Returns from which columns or channels on vectors ``(N, D)`` are, at each place, in what a layer is given."""
    size = vectors.shape[1]
    if inputs.shape[1] < size:
        return []
    flat = inputs.flatten(2) if inputs.dim() == 4 else inputs[:, :, None]
    alike = (flat[:, :, 0].unfold(1, size, 1) == vectors[:, None]).all(2).all(0).nonzero().flatten().tolist()
    return [at for at in alike if bool((flat[:, at : at + size] == vectors[:, :, None]).all())]


def label_embeddings(gan: GAN) -> list[nn.Embedding]:
    """Returns the generator's embeddings of class labels; none for an unconditional GAN."""
    tables = [module for module in gan.generator.modules() if isinstance(module, nn.Embedding)]
    return [table for table in tables if gan.labels is not None and table.num_embeddings == gan.labels]
