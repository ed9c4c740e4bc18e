"""What ``--set substitution=...``, ``fake_label=...`` and ``start=...`` choose from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

from ignite_unlearn.cascade.fake_labels.between import Between
from ignite_unlearn.cascade.fake_labels.fake_label import FakeLabel
from ignite_unlearn.cascade.fake_labels.fixed import Fixed
from ignite_unlearn.cascade.fake_labels.generated import Generated
from ignite_unlearn.cascade.fake_labels.unseen import Unseen
from ignite_unlearn.cascade.fake_labels.unseen_quantiles import UnseenQuantiles
from ignite_unlearn.cascade.starts.drop_components import DropComponents
from ignite_unlearn.cascade.starts.nearest_embedding import NearestEmbedding
from ignite_unlearn.cascade.starts.start import Start
from ignite_unlearn.cascade.substitutions.latent_direction import LatentDirection
from ignite_unlearn.cascade.substitutions.mean_image import MeanImage
from ignite_unlearn.cascade.substitutions.noise import Noise
from ignite_unlearn.cascade.substitutions.other_class import OtherClass
from ignite_unlearn.cascade.substitutions.retained_neighbour import RetainedNeighbour
from ignite_unlearn.cascade.substitutions.substitution import Substitution
from ignite_unlearn.cascade.substitutions.truncation import Truncation
from ignite_unlearn.cascade.substitutions.untrained_label import UntrainedLabel
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import Forget, ForgetClasses
from ignite_unlearn.forget.mixture import ForgetFromMixture
from ignite_unlearn.recipes.nets.nets import Nets

Left: TypeAlias = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class OfferedSubstitution:
    """A substitution on offer.

    Attributes:
        make: makes it, given what tells that images have left the forgotten class, where somebody knows.
        of_classes: whether it needs a GAN that takes labels.
    """

    make: Callable[[Left | None], Substitution]
    of_classes: bool = False


SUBSTITUTIONS: dict[str, OfferedSubstitution] = {
    "other_class": OfferedSubstitution(lambda left: OtherClass(), of_classes=True),
    "unconfused_class": OfferedSubstitution(lambda left: OtherClass(left=left), of_classes=True),
    "mean_image": OfferedSubstitution(lambda left: MeanImage()),
    "retained_neighbour": OfferedSubstitution(lambda left: RetainedNeighbour()),
    "latent_direction": OfferedSubstitution(lambda left: LatentDirection(left, samples=2048)),
    "truncation": OfferedSubstitution(lambda left: Truncation()),
    "noise": OfferedSubstitution(lambda left: Noise()),
    "untrained_label": OfferedSubstitution(lambda left: UntrainedLabel(left=left), of_classes=True),
}
# Of unseen images, their labels, and a seed.
FAKE_LABELS: dict[str, Callable[[Tensor, Tensor, int], FakeLabel]] = {
    "between": lambda images, labels, seed: Between(Generated(samples=32), Unseen(images, labels, samples=32)),
    "unseen_quantiles": lambda images, labels, seed: UnseenQuantiles(images, labels, seed=seed),
    "unseen_quantiles_frozen": lambda images, labels, seed: UnseenQuantiles(images, labels, live=False, seed=seed),
    "unseen": lambda images, labels, seed: Unseen(images, labels),
    "unseen_frozen": lambda images, labels, seed: Unseen(images, labels, live=False),
    "generated": lambda images, labels, seed: Generated(),
    "generated_frozen": lambda images, labels, seed: Generated(live=False),
    "fixed": lambda images, labels, seed: Fixed(-1.0),
}


@dataclass(frozen=True)
class OfferedStart:
    """A start in closed form on offer.

    Attributes:
        make: makes it, given the substitution; None: there is no start.
        needs: what it needs of the nets, in words.
        fits: whether such nets have that.
        request: the request for classes as the start takes it.
    """

    make: Callable[[Substitution], Start | None]
    needs: str = ""
    fits: Callable[[Nets], bool] = lambda nets: True
    request: Callable[[Forget], Forget] = lambda forget: forget


def _from_mixture(forget: Forget) -> Forget:
    assert isinstance(forget, ForgetClasses) and forget.classifier is not None
    return ForgetFromMixture(forget.classes, classifier=forget.classifier, pool=forget.pool)


STARTS: dict[str, OfferedStart] = {
    "none": OfferedStart(lambda substitution: None),
    "nearest_embedding": OfferedStart(
        lambda substitution: NearestEmbedding(),
        "a table of labels, and this recipe's GAN has none",
        lambda nets: nets.conditional,
    ),
    "untrained_label": OfferedStart(
        lambda substitution: (substitution if isinstance(substitution, UntrainedLabel) else UntrainedLabel()).start,
        "a GAN that takes labels, and this recipe's takes none",
        lambda nets: nets.conditional,
    ),
    "drop_components": OfferedStart(
        lambda substitution: DropComponents(),
        "a GAN without labels, and --set components of at least 2",
        lambda nets: not nets.conditional and nets.components >= 2,
        _from_mixture,
    ),
}


def check_substitution(name: str, nets: Nets) -> None:
    """Checks that a substitution fits nets.

    Raises:
        UnlearningError: if it does not.
    """
    if SUBSTITUTIONS[name].of_classes and not nets.conditional:
        raise UnlearningError(f"--set substitution={name} needs a GAN of classes; this recipe's knows none.")


def check_start(name: str, nets: Nets) -> None:
    """Checks that a start fits nets.

    Raises:
        UnlearningError: if it does not.
    """
    if not STARTS[name].fits(nets):
        raise UnlearningError(f"--set start={name} needs {STARTS[name].needs}.")
