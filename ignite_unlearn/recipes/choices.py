"""What ``--set substitution=...`` and ``--set fake_label=...`` choose from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from torch import Tensor

from ignite_unlearn.closed_form import NearestEmbedding, Start
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.fake_labels import Between, FakeLabel, Fixed, Generated, Unseen, UnseenQuantiles
from ignite_unlearn.forget import Classifier, ForgetClasses
from ignite_unlearn.latent_substitution import LatentDirection, Truncation
from ignite_unlearn.recipes.augment import AUGMENTATIONS
from ignite_unlearn.recipes.components import DropComponents, ForgetFromMixture
from ignite_unlearn.recipes.precision import PRECISIONS
from ignite_unlearn.substitution import MeanImage, Noise, OtherClass, RetainedNeighbour, Substitution

Left: TypeAlias = Callable[[Tensor, Tensor], Tensor]
# Of what tells that images have left the forgotten class, where somebody knows.
SUBSTITUTIONS: dict[str, Callable[[Left | None], Substitution]] = {
    "other_class": lambda left: OtherClass(),
    "unconfused_class": lambda left: OtherClass(left=left),
    "mean_image": lambda left: MeanImage(),
    "retained_neighbour": lambda left: RetainedNeighbour(),
    "latent_direction": lambda left: LatentDirection(left, samples=2048),
    "truncation": lambda left: Truncation(),
    "noise": lambda left: Noise(),
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
STARTS: dict[str, Callable[[], Start | None]] = {
    "none": lambda: None,
    "nearest_embedding": NearestEmbedding,
    "drop_components": DropComponents,
}
COMPILERS = ("none", "inductor", "aot_eager", "eager")  # torch.compile's backends; the last two to find faults with
GENERATOR_HALVES = ("where_known", "always", "never")
DISCRIMINATOR_STEPS = ("gauss_newton", "descent", "none")


def check_choices(options: Mapping[str, Any]) -> None:
    """Checks that every choice among the options is known.

    Raises:
        UnlearningError: if one is not.
    """
    for kind, choices in (
        ("substitution", SUBSTITUTIONS),
        ("fake_label", FAKE_LABELS),
        ("generator_half", GENERATOR_HALVES),
        ("discriminator_step", DISCRIMINATOR_STEPS),
        ("start", STARTS),
        ("augment", AUGMENTATIONS),
        ("precision", PRECISIONS),
        ("compile", COMPILERS),
    ):
        if kind in options and options[kind] not in choices:
            raise UnlearningError(f"--set {kind}={options[kind]} is not known: choose of {', '.join(choices)}.")


def make_forget(options: Mapping[str, Any], classifier: Classifier | None) -> ForgetClasses:
    """Returns the request for these options; ``classifier`` is None for a conditional GAN."""
    if classifier is None:
        return ForgetClasses(options["classes"])
    kind = ForgetFromMixture if options["start"] == "drop_components" else ForgetClasses
    return kind(options["classes"], classifier=classifier, pool=options["pool"])


def make_substitution(name: str, left: Left | None = None) -> Substitution:
    """Returns the substitution of this name; ``left`` as in :class:`LatentDirection`."""
    return SUBSTITUTIONS[name](left)


def make_fake_label(name: str, unseen: Tensor, labels: Tensor, seed: int) -> FakeLabel:
    """Returns the fake label of this name, from unseen images ``(M, ...)`` and their labels."""
    return FAKE_LABELS[name](unseen, labels, seed)
