"""Layers of a generator, found by their use: embeddings of labels, and what reads them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.nets import uncompiled
from ignite_unlearn.gan.trained import trained_parameters


def readers(gan: GAN, source: nn.Module, latents: Tensor) -> list[tuple[Tensor, slice]]:
    """Returns the weights of the generator's linear layers that read what a module gives, and which columns read it.

    They are found by what they are given when images are made, alone or beside other inputs; layers whose weight is
    computed from others (spectral norm) or does not train are left out.

    Args:
        gan: the GAN.
        source: a module of its generator that gives vectors ``(N, D)``, such as an embedding of labels.
        latents: ``(N, ...)``, what images are made of.
    """
    given: dict[nn.Linear, Tensor] = {}  # of the first part of the images, as what is made
    made: list[Tensor] = []
    trained = {id(p) for p in trained_parameters(gan.generator)}
    plain = [m for m in gan.generator.modules() if isinstance(m, nn.Linear) and not parametrize.is_parametrized(m)]
    linear = [m for m in plain if id(m.weight) in trained]

    def keep(module: nn.Linear, args: tuple[Tensor, ...]) -> None:
        given.setdefault(module, args[0])

    handles = [source.register_forward_hook(lambda module, args, output: made.append(output))]
    handles += [m.register_forward_pre_hook(keep) for m in linear]
    try:
        labels = None if gan.labels is None else torch.arange(len(latents), device=gan.device) % gan.labels
        with uncompiled(gan.generator):
            gan.sample(len(latents), labels, latents=latents)
    finally:
        for handle in handles:
            handle.remove()
    found, size = [], made[0].shape[1] if made else 0
    for module, inputs in given.items():
        if made and inputs.dim() == 2 and inputs.shape[1] >= size and len(inputs) == len(made[0]):
            alike = (inputs.unfold(1, size, 1) == made[0][:, None]).all(2).all(0)
            found += [(module.weight, slice(at, at + size)) for at in alike.nonzero().flatten().tolist()]
    return found


def label_embeddings(gan: GAN) -> list[nn.Embedding]:
    """Returns the generator's embeddings of class labels; none for an unconditional GAN."""
    tables = [module for module in gan.generator.modules() if isinstance(module, nn.Embedding)]
    return [table for table in tables if gan.labels is not None and table.num_embeddings == gan.labels]
