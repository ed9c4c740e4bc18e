"""Layers of a generator that read what another module gives, found by their use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.nets import uncompiled
from ignite_unlearn.gan.precision import full
from ignite_unlearn.gan.spectral import spectral_norm_of
from ignite_unlearn.gan.trained import trained_parameters

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
KINDS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, *TRANSPOSED)
_FORWARDS = {kind.forward for kind in KINDS}  # a layer class of somebody else's may use its weight in another way


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
    """Returns the parts of the generator's layers that read what a module gives, and nothing else.

    Layers are found by what they are given when images are made: PyTorch's linear ones that are given the vectors,
    alone or beside other inputs, and its convolutions that are given them at each place of an image. Layers whose
    weight is computed in another way than by spectral norm, does not train, or is used for something else too are left
    out, and so are convolutions in groups.

    Args:
        gan: the GAN.
        source: a module of its generator that gives vectors ``(N, D)``, such as an embedding of labels; behind ``D``
            there may be dimensions of size 1.
        latents: ``(N, ...)``, what images are made of.
    """
    layers = _layers(gan)
    made: list[Tensor] = []
    places: dict[int, set[int]] = {}  # by weight, which several layers may share, those of all calls

    def keep(module: nn.Module, args: tuple[object, ...], named: Mapping[str, object]) -> None:
        given, weight = args[0] if args else named.get("input"), layers[module]
        at = {at for vectors in made for at in _places(module, given, vectors)}
        places[id(weight)] = places.get(id(weight), at) & at

    handles = [source.register_forward_hook(lambda module, args, output: made.append(output.clone()))]
    handles += [layer.register_forward_pre_hook(keep, with_kwargs=True) for layer in layers]
    labels = None if gan.labels is None else torch.arange(len(latents), device=gan.device) % gan.labels
    try:
        with uncompiled(gan.generator):
            gan.sample(len(latents), labels, latents=latents)
    finally:
        for handle in handles:
            handle.remove()
    trained = {id(p) for p in trained_parameters(gan.generator)}
    by_weight = {id(weight): module for module, weight in layers.items() if id(weight) in trained}
    return [
        _reader(by_weight[key], layers[by_weight[key]], slice(at, at + made[0].flatten(1).shape[1]))
        for key, found in places.items()
        for at in sorted(found)
        if key in by_weight
    ]


def _layers(gan: GAN) -> dict[nn.Module, nn.Parameter]:
    """Returns the layers whose weight can be changed in part, and the parameter that it is or is divided from."""
    found: dict[nn.Module, nn.Parameter] = {}
    for module in gan.generator.modules():
        weight, computed = weight_of(module)
        simple = type(module).forward in _FORWARDS and getattr(module, "groups", 1) == 1
        if simple and weight is not None and (not computed or spectral_norm_of(module) is not None):
            found[module] = weight
    return found


def _reader(module: nn.Module, weight: nn.Parameter, columns: slice) -> Reader:
    norm, inputs = spectral_norm_of(module), 0 if isinstance(module, TRANSPOSED) else 1
    slope = None if norm is None else norm.slope.movedim(inputs, -1)[..., columns]
    return Reader(weight, weight.data.movedim(inputs, -1)[..., columns], slope)


def _places(module: nn.Module, inputs: object, made: Tensor) -> list[int]:
    """Returns from which columns or channels on vectors ``(N, D)`` are, at each place, in what a layer is given."""
    vectors = made.flatten(1)
    size = vectors.shape[1]
    if not isinstance(inputs, Tensor) or inputs.dim() < 2 or len(inputs) != len(vectors) or inputs.shape[1] < size:
        return []
    if isinstance(module, nn.Linear) and inputs.dim() > 2:  # its columns are not the second dimension
        return []
    flat, vectors = inputs.flatten(2) if inputs.dim() > 2 else inputs[:, :, None], vectors.to(inputs)
    alike = (flat[:, :, 0].unfold(1, size, 1) == vectors[:, None]).all(2).all(0).nonzero().flatten().tolist()
    return [at for at in alike if bool((flat[:, at : at + size] == vectors[:, :, None]).all())]


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
