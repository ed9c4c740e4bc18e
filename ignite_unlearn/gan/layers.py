"""Layers of a generator that read what another module gives, found by their use."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.nets import uncompiled
from ignite_unlearn.gan.precision import full
from ignite_unlearn.gan.spectral import slope_of_norm
from ignite_unlearn.gan.trained import trained_parameters

_Layer = nn.Linear | nn.Conv2d | nn.ConvTranspose2d


@dataclass(frozen=True)
class Reader:
    """The part of a layer's weight that reads vectors ``(N, D)``.

    Attributes:
        weight: the parameter; under spectral norm the one that is divided by its norm.
        part: ``(..., D)``, a view of it: outputs, and places of a kernel, lie along its other dimensions.
        slope: as ``part``, by how much the spectral norm grows with each number; None without spectral norm.
    """

    weight: Tensor
    part: Tensor
    slope: Tensor | None

    def change(self, by: Tensor, directions: Tensor) -> None:
        """Changes what the layer makes of a part of its input, and of nothing else.

        Spectral norm divides all of the weight. There a change leaves out what would change the norm, one number of all
        that are changed, so that other inputs are read as before.

        Args:
            by: what is added to what is made of each direction, ``(..., k)``.
            directions: of the input, orthonormal, ``(k, D)``.

        Example:
            >>> layer = nn.Linear(3, 2, bias=False)
            >>> before = layer.weight.clone()
            >>> Reader(layer.weight, layer.weight.data, None).change(torch.ones(2, 1), torch.tensor([[0.0, 1.0, 0.0]]))
            >>> (layer.weight - before).round(decimals=4).tolist()
            [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]
        """
        if self.slope is not None:
            steepest = full(self.slope) @ directions.T
            by = by - steepest * (by * steepest).sum() / steepest.square().sum().clamp_min(1e-12)
        self.part.add_((by @ directions).to(self.part))


def readers(gan: GAN, source: nn.Module, latents: Tensor) -> list[Reader]:
    """Returns the parts of the generator's layers that read what a module gives.

    Layers are found by what they are given when images are made: linear ones that are given the vectors, alone or
    beside other inputs, and convolutions that are given them at each place of an image. Layers whose weight is computed
    in another way than by spectral norm or does not train are left out, and so are convolutions in groups.

    Args:
        gan: the GAN.
        source: a module of its generator that gives vectors ``(N, D)`` or ``(N, D, 1, 1)``, such as an embedding of
            labels.
        latents: ``(N, ...)``, what images are made of.
    """
    given: dict[_Layer, Tensor] = {}  # of the first part of the images, as what is made
    made: list[Tensor] = []
    trained = {id(p) for p in trained_parameters(gan.generator)}
    layers = [m for m in gan.generator.modules() if isinstance(m, _Layer) and getattr(m, "groups", 1) == 1]
    layers = [m for m in layers if not weight_of(m)[1] or slope_of_norm(m) is not None]

    def keep(module: _Layer, args: tuple[Tensor, ...]) -> None:
        given.setdefault(module, args[0])

    handles = [source.register_forward_hook(lambda module, args, output: made.append(output))]
    handles += [m.register_forward_pre_hook(keep) for m in layers if id(weight_of(m)[0]) in trained]
    try:
        labels = None if gan.labels is None else torch.arange(len(latents), device=gan.device) % gan.labels
        with uncompiled(gan.generator):
            gan.sample(len(latents), labels, latents=latents)
    finally:
        for handle in handles:
            handle.remove()
    found: list[Reader] = []
    for module, inputs in given.items() if made else ():
        vectors = made[0].flatten(1)
        if inputs.dim() == (2 if isinstance(module, nn.Linear) else 4) and len(inputs) == len(vectors):
            found += [_reader(module, at, vectors.shape[1]) for at in _places(inputs, vectors)]
    return found


def _reader(module: _Layer, at: int, size: int) -> Reader:
    weight, slope = weight_of(module)[0], slope_of_norm(module)
    assert weight is not None
    inputs = 0 if isinstance(module, nn.ConvTranspose2d) else 1
    part, steepness = (None if w is None else w.movedim(inputs, -1)[..., at : at + size] for w in (weight.data, slope))
    assert part is not None
    return Reader(weight, part, steepness)


def weight_of(module: nn.Module) -> tuple[nn.Parameter | None, bool]:
    """Returns the parameter that a module's weight is or is computed from, and whether it is computed.

    Example:
        >>> layer = nn.Linear(3, 2)
        >>> weight, computed = weight_of(layer)
        >>> weight is layer.weight, computed, weight_of(nn.utils.parametrizations.spectral_norm(layer))[1]
        (True, False, True)
    """
    if parametrize.is_parametrized(module, "weight"):
        found = module.parametrizations.weight._parameters.get("original")  # type: ignore[union-attr]
        return found, True
    plain = module._parameters.get("weight")
    return (plain, False) if plain is not None else (module._parameters.get("weight_orig"), True)


def _places(inputs: Tensor, vectors: Tensor) -> list[int]:
    """Returns from which columns or channels on vectors ``(N, D)`` are, at each place, in what a layer is given."""
    size = vectors.shape[1]
    if inputs.shape[1] < size:
        return []
    flat = inputs.flatten(2) if inputs.dim() == 4 else inputs[:, :, None]
    alike = (flat[:, :, 0].unfold(1, size, 1) == vectors[:, None]).all(2).all(0).nonzero().flatten().tolist()
    return [at for at in alike if bool((flat[:, at : at + size] == vectors[:, :, None]).all())]
