"""Gradients of many images' scores by the weight of one layer, in factors: the whole matrix is never needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import unfold

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.nets import uncompiled
from ignite_unlearn.gan.precision import full
from ignite_unlearn.gan.spectral import SpectralNorm, spectral_norm_of

Call: TypeAlias = "tuple[nn.Module, Tensor, Tensor]"  # a layer, its input, its output
SCORE = "score"  # the name of the last of a discriminator's features
_FLOATS = 2**24  # in a matrix that is held at once


@dataclass(frozen=True)
class ScoreGradients:
    """Scores of N images, and their gradients by a layer's weight of shape ``(O, I)``, a convolution's flattened.

    Under spectral norm they are gradients by the original weight over its norm, as if that were the weight.

    An image's gradient is ``sum(outer(outwards[:, p], inwards[:, p]) for p in range(P))``: P is 1 for a linear layer,
    and the number of output pixels for a convolution; under spectral norm one more, by which the norm follows.

    Attributes:
        scores: ``(N,)``, without gradients.
        inwards: what the weight is multiplied with, ``(N, I, P)``.
        outwards: gradients of the scores by what comes out, ``(N, O, P)``.
        layer: the layer.
    """

    scores: Tensor
    inwards: Tensor
    outwards: Tensor
    layer: nn.Linear | nn.Conv2d

    def gram(self) -> Tensor:
        """Returns the scalar products ``(N, N)`` of the images' gradients."""
        (n, i, p), o = self.inwards.shape, self.outwards.shape[1]
        # Products of the factors cost P * P * (O + I) for a pair of images, products of the gradients O * I.
        return self._gram_of_factors() if p * p * (o + i) < o * i + o * i * p / n else self._gram_of_gradients()

    def combined(self, shares: Tensor) -> Tensor:
        """Returns the sum of the gradients, each times its share ``(N,)``, in the shape of the weight."""
        weighted = self.outwards * shares.to(self.outwards)[:, None, None]
        return torch.einsum("nop,nip->oi", weighted, self.inwards).view_as(self.layer.weight)

    @property
    def weight(self) -> Tensor:
        """The layer's weight that is learned; under spectral norm the original one."""
        normed = _normed(self.layer)
        return self.layer.weight if normed is None else normed.original

    def move(self, change: Tensor) -> None:
        """Adds a change, in the shape of the weight or flattened, to the layer's weight."""
        normed, weight = _normed(self.layer), self.weight
        weight.data.add_((1.0 if normed is None else normed.sigma) * change.view_as(weight))

    def covariances(self) -> tuple[Tensor, Tensor]:
        """Returns the uncentred covariances of what goes in ``(I, I)`` and of what comes out ``(O, O)``.

        Their Kronecker product stands for the mean square of all gradients (Martens and Grosse 2015; of convolutions,
        Grosse and Martens 2016).
        """
        n = len(self.inwards)
        flat = [factor.transpose(0, 1).flatten(1) for factor in (self.inwards, self.outwards)]
        inwards, outwards = (factor @ factor.T / n for factor in flat)
        return inwards, outwards

    def whitened(self, inwards: Tensor, outwards: Tensor) -> ScoreGradients:
        """Returns the gradients in other coordinates, where both covariances are the identity.

        Args:
            inwards: lower Cholesky factor ``(I, I)`` of what goes in.
            outwards: lower Cholesky factor ``(O, O)`` of what comes out.
        """
        return replace(self, inwards=_solved(inwards, self.inwards), outwards=_solved(outwards, self.outwards))

    def _gram_of_factors(self) -> Tensor:
        n, _, p = self.inwards.shape
        u, g = (factor.mT.reshape(n * p, -1) for factor in (self.inwards, self.outwards))
        rows = max(1, min(-(-n // 6), int(_FLOATS**0.5) // p))
        gram = u.new_empty(n, n)
        for a in range(0, n, rows):  # blocks on and above the diagonal; the others are their transposes
            for b in range(a, n, rows):
                one, other = slice(a * p, (a + rows) * p), slice(b * p, (b + rows) * p)
                products = (g[one] @ g[other].T).mul_(u[one] @ u[other].T)
                block = products.view(-1, p, products.shape[1] // p, p).sum((1, 3))
                gram[a : a + rows, b : b + rows] = block
                gram[b : b + rows, a : a + rows] = block.T
        return gram

    def _gram_of_gradients(self) -> Tensor:
        n, i, _ = self.inwards.shape
        gram = self.inwards.new_zeros(n, n)
        for part in self.outwards.split(max(1, _FLOATS // (n * i)), 1):
            gradients = (part @ self.inwards.mT).flatten(1)
            gram.addmm_(gradients, gradients.T)
        return gram


def _solved(lower: Tensor, factor: Tensor) -> Tensor:
    """Returns the solution ``(N, F, P)`` of a triangular system for all images and places at once."""
    n, f, p = factor.shape
    flat = torch.linalg.solve_triangular(lower, factor.transpose(0, 1).reshape(f, n * p), upper=False)
    return flat.view(f, n, p).transpose(0, 1)


def score_gradients(gan: GAN, images: Tensor, labels: Tensor | None, layer: nn.Module | None = None) -> ScoreGradients:
    """Returns the scores of images ``(N, ...)`` and their gradients by the weight of one layer of the discriminator.

    Args:
        gan: the GAN, its discriminator in eval mode: no image's score may depend on the others.
        images: the images, on the GAN's device.
        labels: their class labels ``(N,)``, where the discriminator takes labels.
        layer: an ``nn.Linear`` or ungrouped ``nn.Conv2d`` that is called once; None: the last before the head, in the
            order of the calls, or the head where there is none before it.

    Raises:
        UnlearningError: if there is no such layer.

    Example:
        >>> import torch
        >>> hidden = torch.nn.Linear(4, 3)
        >>> netD = torch.nn.Sequential(torch.nn.Flatten(), hidden, torch.nn.ReLU(), torch.nn.Linear(3, 1))
        >>> gan = GAN(torch.nn.Linear(2, 4), netD, latents=(2,))
        >>> found = score_gradients(gan, torch.ones(5, 1, 2, 2), None)
        >>> found.layer is hidden, found.gram().shape
        (True, torch.Size([5, 5]))
    """
    with _calls_of(gan.discriminator) as calls:
        scores = gan.score(images, labels)
    chosen, given, made = _choose(calls, layer)
    if scores.requires_grad:
        (outwards,) = torch.autograd.grad(scores.sum(), made)
    else:  # along a direction, of a net whose head is its only layer
        outwards = torch.zeros_like(made)
    given, outwards, n = full(given.detach()), full(outwards), len(images)
    if isinstance(chosen, nn.Linear):
        inwards, outwards = (t.reshape(n, -1, t.shape[-1]).mT for t in (given, outwards))
    else:
        assert not isinstance(chosen.padding, str)
        inwards = unfold(given, chosen.kernel_size, chosen.dilation, chosen.padding, chosen.stride)
        outwards = outwards.flatten(2)
    normed = _normed(chosen)
    if normed is not None:
        inwards, outwards = _with_norm(chosen, normed, inwards, outwards)
    return ScoreGradients(scores.detach(), inwards, outwards, chosen)


def _with_norm(
    layer: nn.Linear | nn.Conv2d, normed: SpectralNorm, inwards: Tensor, outwards: Tensor
) -> tuple[Tensor, Tensor]:
    """Returns factors with a place more: what a change adds to the norm is taken off all scores alike.

    The weight is W = V / (u V v), so that by V, in units of the norm, a gradient G becomes G - <G, W> u v.
    """
    weight, n = full(layer.weight.data).flatten(1), len(inwards)
    along = (outwards * (weight @ inwards)).sum((1, 2))
    u, v = full(normed.u).to(inwards), full(normed.v).to(inwards)
    more = v.expand(n, -1)[..., None], (-along[:, None] * u)[..., None]
    return torch.cat([inwards, more[0]], 2), torch.cat([outwards, more[1]], 2)


def head_inputs(gan: GAN, images: Tensor, labels: Tensor | None = None) -> Tensor:
    """Returns what goes into the last layer that the discriminator calls, flattened, ``(N, F)``.

    Raises:
        UnlearningError: if the discriminator calls neither an ``nn.Linear`` nor an ``nn.Conv2d``.
    """
    with _calls_of(gan.discriminator) as calls:
        gan.score(images, labels)
    if not calls:
        raise UnlearningError("The discriminator calls no nn.Linear and no nn.Conv2d, so its features cannot be found.")
    return full(calls[-1][1]).flatten(1)


def layer_features(gan: GAN, images: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
    """Returns what goes into each layer of the discriminator but the first, flattened ``(N, F)``, and the score.

    So what a layer gives is seen after its normalisation and activation. A layer that is called again has its call's
    number behind its name; inputs that are not one row an image are left out.

    Returns:
        Features by the name of the layer that they go into, the score ``(N, 1)`` by ``"score"``, in the calls' order.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> found = layer_features(GAN(nn.Linear(2, 4), net, latents=(2,)), torch.zeros(5, 4))
        >>> {name: tuple(features.shape) for name, features in found.items()}
        {'2': (5, 3), 'score': (5, 1)}
    """
    with _calls_of(gan.discriminator) as calls:
        scores = gan.score(images, labels)
    names, times = {id(module): name for name, module in gan.discriminator.named_modules()}, Counter[int]()
    found = {}
    for layer, given, _ in calls[1:]:
        times[id(layer)] += 1
        if len(given) == len(images):
            found[f"{names[id(layer)]} {times[id(layer)]}".removesuffix(" 1")] = full(given).flatten(1)
    return {**found, SCORE: scores[:, None]}


def along(gan: GAN, direction: Tensor) -> GAN:
    """Returns a GAN of the same nets whose score is how far the inputs of its head lie along ``direction`` ``(F,)``."""
    return gan.rescored(lambda images, labels: head_inputs(gan, images, labels) @ direction)


@contextmanager
def _calls_of(net: nn.Module) -> Iterator[list[Call]]:
    """Collects the calls of linear layers and convolutions, in their order."""
    calls: list[Call] = []
    layers = [m for m in net.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
    hooks = [m.register_forward_hook(lambda m, given, made: calls.append((m, given[0], made))) for m in layers]
    try:
        with uncompiled(net):
            yield calls
    finally:
        for hook in hooks:
            hook.remove()


def _choose(calls: list[Call], layer: nn.Module | None) -> tuple[nn.Linear | nn.Conv2d, Tensor, Tensor]:
    times = Counter(id(called) for called, *_ in calls)
    fit = [call for call in calls if times[id(call[0])] == 1 and _fits(call[0])]
    if layer is not None:
        fit = [call for call in fit if call[0] is layer]
    elif len(fit) > 1 and fit[-1][0] is calls[-1][0]:
        fit = fit[:-1]  # without the head
    if not fit:
        raise UnlearningError(
            f"The discriminator has no {'hidden layer' if layer is None else 'layer of this kind'} that GaussNewton "
            "can move: expected an nn.Linear or an ungrouped nn.Conv2d, plain or under spectral norm, that trains and "
            "is called once. Give layer=..., or leave out discriminator_step to descend by gradients."
        )
    return fit[-1]  # type: ignore[return-value]


def _fits(layer: nn.Module) -> bool:
    normed = _normed(layer)
    weight = layer._parameters.get("weight") if normed is None else normed.original
    if weight is None or not weight.requires_grad:  # computed from others, as by weight norm; or frozen
        return False
    return not isinstance(layer, nn.Conv2d) or (
        layer.groups == 1 and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    )


def _normed(layer: nn.Module) -> SpectralNorm | None:
    """Returns the spectral norm of a layer whose outputs are the rows of its matrix; others cannot be moved."""
    found = spectral_norm_of(layer)
    return found if found is not None and found.dim == 0 else None
