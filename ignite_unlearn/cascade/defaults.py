"""What a cascade chooses by itself, from the request and the nets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from ignite_unlearn.cascade.aims import Images
from ignite_unlearn.cascade.descent import OptimizerFactory
from ignite_unlearn.cascade.exchange_scores import ExchangeScores
from ignite_unlearn.cascade.expected import ExpectedPlace
from ignite_unlearn.cascade.fake_labels.fake_label import FakeLabel
from ignite_unlearn.cascade.fake_labels.generated import Generated
from ignite_unlearn.cascade.fake_labels.unseen_quantiles import UnseenQuantiles
from ignite_unlearn.cascade.kfac import KFAC
from ignite_unlearn.cascade.step import DiscriminatorStep
from ignite_unlearn.cascade.substitutions.other_class import OtherClass
from ignite_unlearn.cascade.substitutions.retained_neighbour import RetainedNeighbour
from ignite_unlearn.cascade.substitutions.substitution import Substitution
from ignite_unlearn.cascade.substitutions.unlike import Unlike
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import Forget
from ignite_unlearn.gan.calling import outside
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.utils.asked import KINDS

_FEW, _MANY = 4, 8  # steps of the generator in an unlearning step
_LOOKED_AT = 512  # images of a class, to see whether some look like the forgotten one
_ENOUGH = 16  # unseen images, of which either half does something of its own


@dataclass
class Choice:
    """The parts of a cascade, and why.

    Attributes:
        substitution: which image a forgotten latent is given.
        fake_label: which score a forgotten image is given.
        discriminator_step: how the discriminator is led to it; None: by its optimiser.
        generator_steps: of an unlearning step.
        expected: what is to be expected of items without any memory of them.
        why: a sentence for each part that was chosen, by the part's name.
    """

    substitution: Substitution
    fake_label: FakeLabel
    discriminator_step: DiscriminatorStep | None
    generator_steps: int
    expected: ExpectedPlace
    why: dict[str, str] = field(default_factory=dict)


def choose(
    gan: GAN,
    forget: Forget,
    unseen: Images | None,
    *,
    substitution: Substitution | None,
    fake_label: FakeLabel | None,
    discriminator_step: DiscriminatorStep | None,
    generator_steps: int | None,
    optimizer: OptimizerFactory | None,
) -> Choice:
    """Returns the parts that were given, and for the others what fits.

    Args:
        gan: the GAN.
        forget: the request.
        unseen: real images that the GAN was never trained on, with labels; None: there are none.
        substitution: None: it is chosen.
        fake_label: None: it is chosen.
        discriminator_step: None: it is chosen together with the fake label.
        generator_steps: None: it is chosen.
        optimizer: makes optimisers; None: those that were tried with the parts.
    """
    why: dict[str, str] = {}
    told = forget.describe()
    items = told.images is not None
    expected = ExpectedPlace(told.images, unseen)
    if items and gan.labels is not None and unseen is not None and unseen[1] is None:
        raise UnlearningError(
            "CascadedUnlearning(unseen=...) of images, for a GAN that takes labels, needs the unseen images' labels "
            "too: unseen=(images, labels)."
        )
    # Unseen images that the discriminator can score.
    scored = None if unseen is None or (gan.labels is not None and unseen[1] is None) else unseen
    if substitution is None:
        substitution, why["substitution"] = _substitution(gan, items, scored, told.classes)
    if fake_label is None:
        fake_label, why["fake label"] = _fake_label(items, scored, expected)
        if discriminator_step is None:
            discriminator_step, why["discriminator's step"] = _step(gan, items, scored, optimizer)
    if generator_steps is None:  # found latents lie scattered, which takes more steps than a label does
        generator_steps = _FEW if gan.labels is not None and not items else _MANY
    return Choice(substitution, fake_label, discriminator_step, generator_steps, expected, why)


def halves(unseen: Tensor | Images | None, classes: int | None = None) -> tuple[Images | None, Images | None]:
    """Returns unseen images for the phase to look at, and others to measure it by; all for both where they are few.

    Args:
        unseen: images ``(K, ...)``, or a pair of them and their labels ``(K,)``.
        classes: how many the GAN knows.

    Raises:
        UnlearningError: if there are no images, not one label for each, or labels of other classes.
    """
    if unseen is None:
        return None, None
    images, labels = unseen if isinstance(unseen, (tuple, list)) and len(unseen) == 2 else (unseen, None)
    fits = KINDS.fits({"unseen": (images, labels)}) and len(images) > 0
    if not fits or (labels is not None and len(labels) != len(images)):
        raise UnlearningError(
            "CascadedUnlearning(unseen=...) needs real images that the GAN was never trained on, as a tensor (K, ...), "
            "or a pair of them and their class labels (K,)."
        )
    if (said := outside(labels, classes)) is not None:
        raise UnlearningError(f"The unseen images' {said}: give them as the loop's batches hold them.")
    if len(images) < _ENOUGH:
        return (images, labels), (images, labels)
    # Every other one: data sets are often sorted by class.
    first, second = ((images[i::2], None if labels is None else labels[i::2]) for i in range(2))
    return first, second


def _substitution(gan: GAN, items: bool, unseen: Images | None, classes: Sequence[int]) -> tuple[Substitution, str]:
    if gan.labels is not None and not items:
        why = "the GAN takes labels, so forgotten latents show what they show under a retained class"
        if unseen is None or unseen[1] is None:
            return OtherClass(), why
        left = Unlike(unseen[0], unseen[1], classes)
        return OtherClass(samples=_LOOKED_AT, left=left), f"{why}, one that unseen images tell from it"
    return RetainedNeighbour(), "forgotten latents show the image of the nearest retained latent"


def _fake_label(items: bool, unseen: Images | None, expected: ExpectedPlace) -> tuple[FakeLabel, str]:
    if items and unseen is not None:
        label = UnseenQuantiles(*unseen, level=expected.level)
        return label, "the items' scores are to be spread as those of unseen images that are as near to retained ones"
    if items:
        return (
            Generated(),
            "items get the level of generated ones, and how much is left of them is not measured: give unseen=, real "
            "images that the GAN was never trained on, to have that done",
        )
    return Generated(below=1.0, live=False), "the class's images count as less real than generated ones"


def _step(
    gan: GAN, items: bool, unseen: Images | None, optimizer: OptimizerFactory | None
) -> tuple[DiscriminatorStep | None, str]:
    exchange = ExchangeScores() if optimizer is None else ExchangeScores(optimizer=optimizer)
    if not items:
        where = " under its label" if gan.labels is not None else ""
        return exchange, f"the class's images count as fakes, and substitutes{where} as real"
    if unseen is not None and any(map(_moves, gan.discriminator.modules())):
        images, labels = unseen
        return KFAC(unseen=images, unseen_labels=labels), "one layer forgets the items, and what a probe of it tells"
    lacks = "there are no unseen images to hold" if unseen is None else "no layer can be moved alone"
    return exchange, f"{lacks}, so all weights descend"


def _moves(layer: nn.Module) -> bool:
    return isinstance(layer, (nn.Linear, nn.Conv2d)) and layer._parameters.get("weight") is not None
