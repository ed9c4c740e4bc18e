"""What ``--set substitution=...`` and ``--set fake_label=...`` choose from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from torch import Tensor

from ignite_unlearn.cascade.closed_form import NearestEmbedding, Start
from ignite_unlearn.cascade.fake_labels import Between, FakeLabel, Fixed, Generated, Unseen, UnseenQuantiles
from ignite_unlearn.cascade.latent_substitution import LatentDirection, Truncation
from ignite_unlearn.cascade.mixture import DropComponents, ForgetFromMixture
from ignite_unlearn.cascade.substitution import MeanImage, Noise, OtherClass, RetainedNeighbour, Substitution
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import Classifier, ForgetClasses

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


def check_together(options: Mapping[str, Any], *, conditional: bool) -> None:
    """Checks that choices which fit by themselves fit together, before anything is trained.

    Args:
        options: of a recipe.
        conditional: whether its nets take labels.

    Raises:
        UnlearningError: if they do not.
    """
    components, latent = options.get("components", 0), options["latent"]
    if components >= latent:
        raise UnlearningError(
            f"--set components={components} and --set latent={latent} do not fit: the first so many dimensions of a "
            "latent choose a component, and at least one must be left."
        )
    substitution = options.get("substitution")
    if substitution in ("other_class", "unconfused_class") and not conditional:
        raise UnlearningError(f"--set substitution={substitution} needs a GAN of classes; this recipe's knows none.")
    start = options.get("start", "none")
    if start == "nearest_embedding" and not conditional:
        raise UnlearningError(f"--set start={start} needs a table of labels, and this recipe's GAN has none.")
    if start == "drop_components" and (conditional or components < 2):
        raise UnlearningError(f"--set start={start} needs a GAN without labels, and --set components of at least 2.")


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
