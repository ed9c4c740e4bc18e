"""Is the latent space whole: how far images move along paths between latents, and along paths into a region."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.streams import seeded
from ignite_unlearn.metrics.intervals import normal_interval
from ignite_unlearn.utils.answers import answer, rows_of
from ignite_unlearn.utils.asked import BOOL, CALL, COUNT, LABELS, ROWS, SEED, asks, kind, maybe, one_each

_AT_ONCE = 256
_LEAST = 2  # paths, of which a spread can be told


@dataclass(frozen=True)
class PathLengths:
    """How far images move along some paths.

    Attributes:
        lengths: the perceptual length of each path, ``(N,)``: the mean squared speed of the image's features.
        largest: each path's largest step, ``(N,)``, as a multiple of its mean step: 1 on a path of even speed, as many
            as there are steps where all change is one jump.
    """

    lengths: Tensor
    largest: Tensor

    @property
    def value(self) -> float:
        """The mean length of the paths."""
        return float(self.lengths.mean())

    @property
    def jump(self) -> float:
        """The mean of their largest steps."""
        return float(self.largest.mean())

    def interval(self, *, level: float = 0.95) -> tuple[float, float]:
        """Returns the normal interval about the mean length, by the chance of which paths were drawn."""
        return normal_interval(self.lengths, level=level)


@asks(
    gan=kind("a GAN", GAN),
    starts=ROWS,
    ends=ROWS,
    features=maybe(CALL),
    labels=maybe(LABELS),
    steps=COUNT,
    straight=BOOL,
    seed=SEED,
)
def path_lengths(
    gan: GAN,
    starts: Tensor,
    ends: Tensor,
    *,
    features: Callable[[Tensor], Tensor] | None = None,
    labels: Tensor | None = None,
    steps: int = 16,
    straight: bool = False,
    seed: int = 0,
) -> PathLengths:
    """Returns how far images move along paths from latents to others: perceptual path length (Karras et al. 2019).

    Karras et al. take the squared distance of two images a ten-thousandth of a path apart, at a random place, over the
    square of that step. Such a step meets a tear one time in ten thousand. Here the whole path is gone in ``steps``
    steps, and the mean of the same quotient is taken: for smooth generators it is nearly the same number, and no tear
    on a path is missed. Numbers compare only at the same ``steps``, paths and features.

    Args:
        gan: the GAN; its generator and the random streams are left as they were.
        starts: latents ``(N, ...)``.
        ends: latents of the same shape.
        features: images to ``(N, F)``, such as an LPIPS or Inception net; None: pixels.
        labels: classes ``(N,)``, one for all of a path; drawn where None and the GAN is conditional.
        steps: of a path.
        straight: whether paths are straight; else great circles, on which latents of a normal distribution keep their
            length (White 2016).
        seed: of the labels that are drawn, and of noise that the generator draws, the same all along a path.

    Raises:
        UnlearningError: if starts and ends differ in shape, or there are fewer than two paths, or no steps.

    Example:
        >>> gan = GAN(torch.nn.Linear(3, 4, bias=False), torch.nn.Linear(4, 1), latents=(3,))
        >>> starts, ends = torch.randn(2, 5, 3)
        >>> found = path_lengths(gan, starts, ends, straight=True)  # a linear net: as far as the images lie apart
        >>> apart = (gan.sample(5, latents=starts) - gan.sample(5, latents=ends)).square().sum(1)
        >>> torch.allclose(found.lengths, apart.double(), rtol=1e-3), round(found.jump, 2)
        (True, 1.0)
    """
    if starts.shape != ends.shape or len(starts) < _LEAST or steps < 1:
        raise UnlearningError(
            f"path_lengths() of {tuple(starts.shape)} and {tuple(ends.shape)} in {steps} steps: expected as many "
            "starts as ends, two or more, of one shape, and a step at least."
        )
    one_each(starts, labels)
    n, path = len(starts), _straight if straight else _great_circle
    moved = []
    with borrow(gan.generator, seed=seed), torch.no_grad():
        labels = gan.sample_labels(n) if labels is None else labels
        before = None
        for t in torch.linspace(0, 1, steps + 1, dtype=torch.float64):
            latents = path(starts.double(), ends.double(), t).to(starts)
            with seeded(gan.generator, seed):
                images = [
                    gan.generate(latents[rows], None if labels is None else labels[rows].to(gan.device))
                    for rows in torch.arange(n).split(_AT_ONCE)
                ]
            now = torch.cat([part if features is None else _features(features, part) for part in images])
            now = now.flatten(1).double().cpu()
            if before is not None:
                moved.append((now - before).norm(dim=1))
            before = now
    each = torch.stack(moved, 1)
    return PathLengths((each * steps).square().mean(1), each.amax(1) / each.mean(1).clamp_min(1e-30))


@dataclass(frozen=True)
class LatentSmoothness:
    """How smooth a latent space is, and whether it is as smooth about a region.

    Attributes:
        elsewhere: lengths of paths between drawn latents.
        into: lengths of paths from the same drawn latents to latents of the region.
    """

    elsewhere: PathLengths
    into: PathLengths

    @property
    def ratio(self) -> float:
        """How many times longer paths into the region are; beside the same of the GAN before, a tear shows."""
        return self.into.value / max(self.elsewhere.value, 1e-30)


@asks(
    gan=kind("a GAN", GAN),
    region=ROWS,
    features=maybe(CALL),
    labels=maybe(LABELS),
    paths=COUNT,
    steps=COUNT,
    straight=BOOL,
    seed=SEED,
)
def latent_smoothness(
    gan: GAN,
    region: Tensor,
    *,
    features: Callable[[Tensor], Tensor] | None = None,
    labels: Tensor | None = None,
    paths: int = 256,
    steps: int = 16,
    straight: bool = False,
    seed: int = 0,
) -> LatentSmoothness:
    """Returns how far images move along paths that end in a region, beside paths that do not.

    A phase that gives forgotten latents other images and leaves those beside them may tear a hole: images then jump
    where a path enters. Called of the GAN before and after with the same seed, the paths are the same. Whether the rest
    is still there, :func:`~ignite_unlearn.metrics.coverage.density_and_coverage` tells.

    Args:
        gan: the GAN.
        region: latents ``(K, ...)`` that make what is forgotten; paths end in them in turn.
        features: as for :func:`path_lengths`.
        labels: classes ``(K,)`` of the region's latents, for conditional GANs: paths to a latent keep its class, and so
            do those that they stand beside. None: drawn.
        paths: how many of either kind.
        steps: as for :func:`path_lengths`.
        straight: likewise.
        seed: of the paths.

    Raises:
        UnlearningError: if the region is empty, or there are fewer than two paths.

    Example:
        >>> gan = GAN(torch.nn.Linear(3, 4), torch.nn.Linear(4, 1), latents=(3,))
        >>> found = latent_smoothness(gan, gan.sample_latents(5), paths=400)
        >>> low, high = found.elsewhere.interval()
        >>> low < found.elsewhere.value < high
        True
    """
    if not len(region) or paths < _LEAST:
        raise UnlearningError(
            f"latent_smoothness() of {len(region)} latents and {paths} paths: expected one latent, two paths at least."
        )
    one_each(region, labels)
    chosen = torch.arange(paths) % len(region)
    with borrow(gan.generator, seed=seed):
        starts, ends = gan.sample_latents(paths), gan.sample_latents(paths)
        classes = gan.sample_labels(paths) if labels is None else labels[chosen.to(labels.device)]
    inside = region[chosen.to(region.device)].to(starts)

    def of(to: Tensor) -> PathLengths:
        return path_lengths(
            gan, starts, to, features=features, labels=classes, steps=steps, straight=straight, seed=seed
        )

    return LatentSmoothness(of(ends), of(inside))


def _straight(starts: Tensor, ends: Tensor, t: Tensor) -> Tensor:
    return starts.lerp(ends, t.to(starts))


def _great_circle(starts: Tensor, ends: Tensor, t: Tensor) -> Tensor:
    """Turns the direction evenly, and changes the length evenly."""
    a, b = starts.flatten(1), ends.flatten(1)
    (u, v), t = (normalize(x, dim=1) for x in (a, b)), t.to(a)
    angle = (u * v).sum(1, keepdim=True).clamp(-1, 1).acos()
    sine = angle.sin()
    # Directions that are the same, or opposite, span no circle.
    turned = torch.where(
        sine > 1e-6, (((1 - t) * angle).sin() * u + (t * angle).sin() * v) / sine.clamp_min(1e-6), u.lerp(v, t)
    )
    return (turned * a.norm(dim=1, keepdim=True).lerp(b.norm(dim=1, keepdim=True), t)).view_as(starts)


def _features(features: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    found: Tensor = answer("features", rows_of(len(images)), features, images)
    return found
