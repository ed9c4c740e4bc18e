"""What a recipe is: parts, each with settings of its own; how they are run is the same for all (see runs/)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.recipes.audit_budget import AuditBudget
from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.recipes.data.source import Data
from ignite_unlearn.recipes.goals import Goal
from ignite_unlearn.recipes.methods.method import Method
from ignite_unlearn.recipes.nets.classifier import small_classifier
from ignite_unlearn.recipes.nets.nets import Nets
from ignite_unlearn.recipes.settings import changed, flat, setting, settings_of, shown, spelled
from ignite_unlearn.recipes.stop import Stop
from ignite_unlearn.recipes.tasks.instruments import MakeClassifier
from ignite_unlearn.recipes.tasks.task import Task
from ignite_unlearn.recipes.training.training import Training
from ignite_unlearn.utils.choices import advice
from ignite_unlearn.utils.printable import printable

_SHOWN = 100  # signs of a value in a sentence


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A recipe: what ``ignite-unlearn run`` runs.

    Attributes:
        name: as the launcher knows it, and as records have it.
        task: what is forgotten, and how that is measured.
        training: of the original and of the retrained GAN.
        nets: of these GANs.
        method: how it is forgotten.
        stop: when the phase ends.
        samples: images that the numbers are measured on.
        data: real images.
        classifier: makes the nets that a run measures with.
        audits: what its audits may spend.
        goals: what a benchmark of it sets out to reach.
        summary: what it does, in a line: the first of its file.
        source: the file or module that it was read from; empty for a stock recipe.

    Raises:
        UnlearningError: if the name could not be that of a folder.
    """

    name: str
    task: Task
    training: Training
    nets: Nets
    method: Method
    stop: Stop
    samples: int = setting(
        500, "images that the numbers are measured on, of each class where there are labels", at_least=2
    )
    data: Data
    classifier: MakeClassifier = small_classifier
    audits: AuditBudget = field(default_factory=AuditBudget)
    goals: tuple[Goal, ...] = ()
    summary: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if not self.name or Path(self.name).name != self.name:
            raise UnlearningError(f"A recipe cannot be called {self.name!r}: a folder of its runs has its name.")

    @property
    def options(self) -> dict[str, Any]:
        """All settings by their names."""
        return flat(self)

    def load(self, root: Path | None) -> ImageData:
        """Returns the data of a folder, in which no file that is to be forgotten is an unseen one.

        Raises:
            UnlearningError: if the folder does not hold what is expected.
        """
        return self.data.load(root, self.task.named_files())

    def training_settings(self) -> dict[str, Any]:
        """Returns the settings that an original depends on: all of its nets and its training, but those of speed."""
        parts = (self.training, self.nets)
        return {one.key: one.value for part in parts for one in settings_of(part) if not one.bounds.speed}

    def made_of(self) -> dict[str, str]:
        """Returns which kinds of nets and of training it has: what an original depends on besides settings."""
        return {"nets": spelled(self.nets), "training": spelled(self.training)}

    def before(self) -> dict[str, Any]:
        """Returns for each setting what was done before there was such a setting; None where it cannot be known."""
        return {one.key: one.bounds.before for one in settings_of(self)}


def with_settings(recipe: Recipe, settings: tuple[str, ...]) -> Recipe:
    """Returns the recipe with ``key=value`` settings applied.

    Raises:
        UnlearningError: if a key is unknown, a value does not fit, or the parts do not fit together.
    """
    known = {one.key: one for one in settings_of(recipe)}
    for one in known.values():
        one.check_default()
    texts = {}
    for given in settings:
        key, equals, text = given.partition("=")
        if key not in known:
            raise UnlearningError(
                f"--set {printable(given, at_most=_SHOWN)!r} is not an option of {recipe.name}: {advice(key, known)}"
            )
        if not equals:
            raise UnlearningError(f"--set {key} has no value: expected --set {key}=value, as `show` lists them.")
        texts[key] = text
        known[key].read(text)
    made = changed(recipe, texts)
    made.nets.check()
    made.task.check(made.nets)
    made.method.check(made.nets)
    made.stop.check(made.task)
    return made


def as_settings(recipe: Recipe, options: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns options of a record as ``key=value`` settings, from which :func:`with_settings` makes them again."""
    known = {one.key: one for one in settings_of(recipe)}
    return tuple(
        f"{key}={known[key].as_text(value) if key in known else shown(value)}" for key, value in options.items()
    )
