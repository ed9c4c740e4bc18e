"""Inversion: the latents whose images come nearest to given ones.

The best of many samples is where the search starts (as GAN-Leaks' black-box attack, Chen et al. 2020), then the latents
are optimised (as its white-box attack), under a prior that keeps them where the generator was trained.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from tqdm.auto import tqdm

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.utils.answers import answer, rows_of
from ignite_unlearn.utils.asked import BOOL, CALL, COUNT, asks, maybe, number, whole

Inverter: TypeAlias = "Callable[[GAN, Tensor, Tensor | None], Inverted]"
_PATIENCE = 5  # steps without an improvement after which an inversion stops


@dataclass(frozen=True)
class Inverted:
    """What an inversion found.

    Attributes:
        latents: shape ``(N, ...)``.
        labels: the class labels that were held fixed, ``(N,)`` or None.
        errors: reconstruction error of each image: root mean squared pixel difference, in the images' units, ``(N,)``.
        steps: how many optimisation steps were taken.
    """

    latents: Tensor
    labels: Tensor | None
    errors: Tensor
    steps: int


class Inversion:
    """Looks for the latents of given images, all at once.

    Args:
        candidates: samples of the generator among which the search starts; each image takes its nearest.
        steps: optimisation steps at most (Adam); 0: the best candidate is the answer. It stops by itself when the mean
            distance has not fallen by a thousandth in 5 steps.
        lr: learning rate, in units of the latents' standard deviation.
        prior: weight of the latent prior, the mean square of how far a latent's norm is off that of drawn ones,
            relative to it.
        features: ``images -> (N, F)``, differentiable: a distance in this space is added to the pixel distance.
        feature_weight: its weight; either distance is a mean square, relative to that of the best candidates.
        progress: whether to show a bar.

    Raises:
        UnlearningError: if a number does not fit.

    Example:
        >>> import torch
        >>> netG = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Unflatten(1, (1, 4, 4)))
        >>> gan = GAN(netG, torch.nn.Flatten(), latents=(8,))
        >>> _ = torch.manual_seed(0)
        >>> inverted = Inversion(candidates=256, steps=200, progress=False)(gan, gan.sample(3))
        >>> inverted.latents.shape, bool((inverted.errors < 0.1).all())
        (torch.Size([3, 8]), True)
    """

    @asks(
        candidates=COUNT,
        steps=whole(at_most=10**7),
        lr=number(),
        prior=number(),
        features=maybe(CALL),
        feature_weight=number(),
        progress=BOOL,
    )
    def __init__(
        self,
        *,
        candidates: int = 2048,
        steps: int = 200,
        lr: float = 0.05,
        prior: float = 0.1,
        features: Callable[[Tensor], Tensor] | None = None,
        feature_weight: float = 1.0,
        progress: bool = True,
    ):
        if candidates < 1 or steps < 0 or lr <= 0 or prior < 0 or feature_weight < 0:
            raise UnlearningError(
                f"Inversion(candidates={candidates}, steps={steps}, lr={lr}, prior={prior}, feature_weight="
                f"{feature_weight}) does not fit: expected candidates >= 1, lr > 0 and nothing negative."
            )
        self.candidates = candidates
        self.steps = steps
        self.lr = lr
        self.prior = prior
        self.features = features
        self.feature_weight = feature_weight
        self.progress = progress

    def __call__(self, gan: GAN, images: Tensor, labels: Tensor | None = None) -> Inverted:
        """Returns the latents whose images come nearest to ``images``.

        Args:
            gan: its generator is run in eval mode, and is left as it was.
            images: shape ``(N, ...)``, in the generator's value range.
            labels: their class labels ``(N,)``; needed for a conditional GAN.

        Raises:
            UnlearningError: if labels are missing, or the shapes do not fit.
        """
        images = images.to(gan.device)
        if gan.labels is not None and labels is None:
            raise UnlearningError("The GAN is conditional: inversion needs the images' class labels.")
        labels = labels.to(gan.device) if gan.labels is not None and labels is not None else None
        latents, scale = self._start(gan, images, labels)
        with borrow(gan.generator):
            flags = [p.requires_grad for p in gan.generator.parameters()]
            gan.generator.requires_grad_(False)  # only the latents move; borrow has thawed a frozen generator
            try:
                return self._optimise(gan, images, labels, latents, scale)
            finally:
                for parameter, flag in zip(gan.generator.parameters(), flags, strict=True):
                    parameter.requires_grad_(flag)

    def _start(self, gan: GAN, images: Tensor, labels: Tensor | None) -> tuple[Tensor, float]:
        """Returns the best candidates, and the norm that latents have."""
        classes = [None] if labels is None else labels.unique().tolist()
        drawn = gan.sample_latents(self.candidates)
        best = torch.empty(len(images), *drawn.shape[1:], device=drawn.device, dtype=drawn.dtype)
        for k in classes:
            of_class = None if k is None else torch.full((len(drawn),), k, device=gan.device)
            mine = slice(None) if k is None or labels is None else labels == k
            samples = gan.sample(len(drawn), of_class, latents=drawn)
            if samples.shape[1:] != images.shape[1:]:
                raise UnlearningError(
                    f"The generator makes images of shape {tuple(samples.shape[1:])}, those to be inverted have "
                    f"{tuple(images.shape[1:])}."
                )
            best[mine] = drawn[torch.cdist(images[mine].flatten(1).float(), samples.flatten(1).float()).argmin(1)]
        return best, drawn.flatten(1).norm(dim=1).mean().item()

    def _of(self, images: Tensor) -> Tensor:
        assert self.features is not None
        return answer("features", rows_of(len(images)), self.features, images).flatten(1)

    def _optimise(self, gan: GAN, images: Tensor, labels: Tensor | None, start: Tensor, norm: float) -> Inverted:
        latents = start.clone().requires_grad_(True)
        unit = norm / math.sqrt(start[0].numel())
        optimizer = torch.optim.Adam([latents], lr=self.lr * unit)
        targets = None if self.features is None else self._of(images).detach()
        best, errors = start.clone(), torch.full((len(images),), torch.inf, device=start.device)
        scales: tuple[Tensor, Tensor] | None = None
        lowest, since, step = torch.inf, 0, 0
        for step in tqdm(range(self.steps + 1), desc="inversion", disable=not self.progress or self.steps == 0):
            made = gan.generate(latents, labels)
            squares = (made - images).square().flatten(1).mean(1)
            with torch.no_grad():
                error = squares.sqrt()
                better = error < errors
                errors = torch.where(better, error, errors)
                best[better] = latents.detach()[better]
                mean = float(errors.mean())
            since = 0 if mean < lowest * 0.999 else since + 1
            lowest = min(lowest, mean)
            if step == self.steps or since >= _PATIENCE:
                break
            parts = (squares, torch.zeros_like(squares))
            if targets is not None:
                parts = (squares, (self._of(made) - targets).square().mean(1))
            if scales is None:
                scales = tuple(part.detach().mean().clamp_min(1e-12) for part in parts)  # type: ignore[assignment]
            assert scales is not None
            off = (latents.flatten(1).norm(dim=1) / norm - 1).square()
            loss = parts[0] / scales[0] + self.feature_weight * parts[1] / scales[1] + self.prior * off
            optimizer.zero_grad()
            loss.sum().backward()
            optimizer.step()
        return Inverted(best, labels, errors, step)


class FewSteps:
    """An inversion of a few images, in as few steps as show that it runs; the rest are said to be like them.

    Args:
        inversion: the inversion; it is left as it was.
        images: how many images are inverted.
    """

    def __init__(self, inversion: Inverter, images: int):
        self._inversion = inversion
        self._images = images
        if isinstance(inversion, Inversion):
            self._inversion = few = copy.copy(inversion)
            few.candidates, few.steps, few.progress = min(few.candidates, 16), min(few.steps, 1), False

    def __call__(self, gan: GAN, images: Tensor, labels: Tensor | None) -> Inverted:
        """Returns as many latents as there are images."""
        n = self._images
        found = self._inversion(gan, images[:n], None if labels is None else labels[:n])
        rows = torch.arange(len(images), device=found.latents.device) % len(found.latents)
        given = None if found.labels is None else found.labels[rows]
        return Inverted(found.latents[rows], given, found.errors[rows], found.steps)
