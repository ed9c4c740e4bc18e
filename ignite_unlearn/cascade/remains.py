"""What a phase measures by itself: how much is left of what is to be forgotten, and how far the rest has moved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ignite_unlearn.cascade.aims import Images
from ignite_unlearn.cascade.expected import ExpectedPlace
from ignite_unlearn.cascade.substitutions.substitution import Substitution
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import Classifier, Forget
from ignite_unlearn.forget.latent_search import SLACK, LatentSearch
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.score_gradients import head_inputs
from ignite_unlearn.handlers.original import Original
from ignite_unlearn.metrics.membership import auc

_SHARE = 0.01  # of a class's latents that may still look like what the teacher made of them
_PREFERRED = 0.1  # of a class's latents whose discriminator may still like the teacher's image better
_OF_SAMPLES = 0.1  # of the share that the original's samples had, where a classifier finds them
_DRIFT = 0.3  # how far retained images may move, as a share of the teacher's variance
_SAME = 1e-3  # of an image's length: a substitute that differs by less is the image itself
_SAMPLES = 512
_DRAWS = 4000  # for the nearest samples of items


@dataclass
class Remains:
    """Measures a GAN in a phase, and says which numbers are good enough.

    * ``left_share``: share of forgotten latents whose image is nearer to what the teacher made of them than to their
      substitute (pixels, L2). For classes of a conditional GAN.
    * ``preferred_share``: share of forgotten latents of which the discriminator scores what the teacher made above the
      substitute, under the same label: where it does, the loop leads the generator back.
    * ``forgotten_share``: share of samples that the request's classifier takes for what is to be forgotten; with
      labels, of those made under a forgotten one. Where the request has a classifier.
    * ``membership_auc``: ROC AUC of the discriminator's score, items against unseen images. One half says that they
      cannot be told apart; less is a mark too.
    * ``near_auc``: the same of minus the distance to the nearest of 4,000 samples.
    * ``drift``: how far images of retained latents have moved: the Fréchet distance (Dowson and Landau 1982) of two
      Gaussians without covariances, in the teacher's discriminator's last features, over the variance of the teacher's.

    Args:
        forget: the request.
        original: the original GAN, and where it makes what.
        substitution: which image a forgotten latent is given.
        unseen: real images that the GAN was never trained on and the phase looked at for nothing else, with labels;
            None: items are not measured.
        expected: what is to be expected of items without any memory of them, by these unseen images.
        batch_size: how many images are held at once.

    Attributes:
        of_original: the original GAN's numbers by name.
    """

    forget: Forget
    original: Original
    substitution: Substitution
    unseen: Images | None
    expected: ExpectedPlace
    batch_size: int = 64
    of_original: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        self._features = _Features(self.original.teacher)
        self._of_unseen: dict[str, Tensor] = {}  # what the original GAN says of them
        self.of_original = self._left(self.original.teacher)

    @property
    def at_most(self) -> dict[str, float]:
        """Upper bounds by name; those of items follow what is expected of them."""
        shares = {"left_share": _SHARE, "preferred_share": _PREFERRED, "forgotten_share": _SHARE}
        if self.original.teacher.labels is None and "forgotten_share" in self.of_original:
            shares["forgotten_share"] = _OF_SAMPLES * self.of_original["forgotten_share"]
        bounds = {name: shares[name] if name in shares else self._level(name) + SLACK for name in self.of_original}
        return {**bounds, "drift": _DRIFT} if bounds else {}

    @property
    def at_least(self) -> dict[str, float]:
        """Lower bounds by name, for items that lie farther than expected, and than by chance, are marked by that."""
        # A generator that never made the items is left alone, wherever its samples lie.
        names = [name for name in self._of_unseen if name != "near_auc" or self._excess(name) > SLACK]
        return {name: min(self._level(name) - 2 * SLACK, self._chance(name)[0]) for name in names}

    @property
    def settled(self) -> dict[str, float]:
        """What is low enough to leave items to the loop for longer, by name.

        The generator's number is to be nearer to what is expected than its bound is: a phase that rests as long as that
        holds comes to rest there. The discriminator's swings more, and rests at its level by itself.
        """
        return {name: self._level(name) + (SLACK / 2 if name == "near_auc" else SLACK) for name in self._of_unseen}

    @property
    def of_chance(self) -> dict[str, float]:
        """What items that nobody remembers stay below in 95 of 100 draws, by name."""
        return {name: self._chance(name)[1] for name in self._of_unseen}

    @property
    def swing(self) -> dict[str, float]:
        """How far outside of its bound a number may lie on the way, by name; only at the end has quality to hold.

        For a share that is two standard deviations of counting so many images, for an AUC what it may lie above what is
        expected.
        """
        bounds = self.at_most
        shares = [name for name in self.of_original if name.endswith("_share")]
        counted = {name: 2 * math.sqrt(bounds[name] * (1 - bounds[name]) / _SAMPLES) for name in shares}
        return {name: counted.get(name, SLACK) for name in self.of_original} | {"drift": math.inf}

    def _chance(self, name: str) -> tuple[float, float]:
        return self.expected.chance(self._of_unseen[name])

    def _level(self, name: str) -> float:
        # More than the original knew is nothing to aim at.
        return min(self.expected.auc(self._of_unseen[name]), self.of_original[name])

    def _excess(self, name: str) -> float:
        return self.of_original[name] - self.expected.auc(self._of_unseen[name])

    def __bool__(self) -> bool:
        """Whether there is anything that can be measured."""
        return bool(self.of_original)

    def __call__(self, gan: GAN) -> Mapping[str, float]:
        """Returns the numbers of a GAN."""
        return {**self._left(gan), "drift": self._drift(gan)}

    def _left(self, gan: GAN) -> dict[str, float]:
        told, numbers = self.forget.describe(), {}
        if told.images is not None:
            if self.unseen is not None:
                numbers = self._of_items(gan, told.images, told.labels)
            return numbers
        if gan.labels is not None:
            numbers |= self._beside_substitutes(gan)
        if told.classify is not None:
            numbers["forgotten_share"] = self._forgotten_share(gan, told.classes, told.classify)
        return numbers

    def _beside_substitutes(self, gan: GAN) -> dict[str, float]:
        teacher, regions = self.original.teacher, self.original.regions
        nearer, preferred = [], []
        for latents, labels in self._parts(*regions.forgotten(_SAMPLES)):
            substitutes = self.substitution(teacher, latents, labels, regions)
            made, was = (of.sample(len(latents), labels, latents=latents) for of in (gan, teacher))
            to_own, to_substitute = ((made - other).flatten(1).norm(dim=1) for other in (was, substitutes))
            # What has itself for substitute was forgotten before: a label that keeps what it shows.
            other = (was - substitutes).flatten(1).norm(dim=1) > _SAME * was.flatten(1).norm(dim=1)
            nearer.append(other & (to_own < to_substitute))
            preferred.append(other & (gan.score(was, labels) > gan.score(substitutes, labels)))
        shares = {"left_share": nearer, "preferred_share": preferred}
        return {name: float(torch.cat(found).double().mean()) for name, found in shares.items()}

    def _forgotten_share(self, gan: GAN, classes: Sequence[int], classify: Classifier) -> float:
        n = _SAMPLES if gan.labels is not None else 4 * _SAMPLES
        latents, labels = gan.sample_latents(n), None
        if gan.labels is not None:
            labels = torch.tensor(classes, device=gan.device)[torch.arange(n) % len(classes)]
        found = [classify(gan.sample(len(z), y, latents=z)).cpu() for z, y in self._parts(latents, labels)]
        return float(torch.isin(torch.cat(found), torch.tensor(classes)).double().mean())

    def _of_items(self, gan: GAN, items: Tensor, labels: Tensor | None) -> dict[str, float]:
        assert self.unseen is not None
        unseen, unseen_labels = self.unseen
        near = LatentSearch(draws=_DRAWS).nearness(gan, items, labels, unseen)
        of_unseen = {"near_auc": -near.unseen.cpu()}
        numbers = {"near_auc": auc(-near.apart.amin(0).cpu(), of_unseen["near_auc"])}
        if gan.labels is None or unseen_labels is not None:
            members, others = self._scores(gan, items, labels), self._scores(gan, unseen, unseen_labels)
            of_unseen["membership_auc"] = others.cpu()
            numbers["membership_auc"] = auc(members.cpu(), of_unseen["membership_auc"])
        self._of_unseen = self._of_unseen or of_unseen
        return numbers

    def _scores(self, gan: GAN, images: Tensor, labels: Tensor | None) -> Tensor:
        asked = None if gan.labels is None else labels
        return torch.cat([gan.score(part.to(gan.device), given) for part, given in self._parts(images, asked)])

    def _drift(self, gan: GAN) -> float:
        parts = self._parts(*self.original.regions.retained(_SAMPLES))

        def features(of: GAN) -> Tensor:
            return torch.cat([self._features(of.sample(len(z), y, latents=z), y) for z, y in parts])

        now, was = features(gan), features(self.original.teacher)
        moved = (now.mean(0) - was.mean(0)).square() + (now.std(0) - was.std(0)).square()
        return float(moved.sum() / was.var(0).sum().clamp_min(1e-12))

    def _parts(self, images: Tensor, labels: Tensor | None) -> list[Images]:
        """Returns images or latents, and their labels, in parts of which one is held at a time."""
        given = images.split(self.batch_size)
        return list(zip(given, [None] * len(given) if labels is None else labels.split(self.batch_size), strict=False))


class _Features:
    """The teacher's discriminator's last features, or pixels where those cannot be found."""

    def __init__(self, teacher: GAN):
        self._teacher = teacher

    @torch.no_grad()
    def __call__(self, images: Tensor, labels: Tensor | None) -> Tensor:
        try:
            return head_inputs(self._teacher, images, labels).float()
        except UnlearningError:
            return images.flatten(1).float()
