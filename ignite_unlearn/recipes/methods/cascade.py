"""The cascade as a method of recipes: for classes that have labels, for classes that are found, and for items."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from ignite_unlearn.cascade.cascade import CascadedUnlearning
from ignite_unlearn.cascade.descent import OptimizerFactory
from ignite_unlearn.cascade.gauss_newton import GaussNewton
from ignite_unlearn.cascade.kfac import KFAC
from ignite_unlearn.cascade.step import DiscriminatorStep
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import Forget
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.label_rows import label_embeddings
from ignite_unlearn.handlers.phase import UnlearningPhase
from ignite_unlearn.recipes.data.split import Split
from ignite_unlearn.recipes.methods.choices import (
    FAKE_LABELS,
    STARTS,
    SUBSTITUTIONS,
    OfferedStart,
    check_start,
    check_substitution,
)
from ignite_unlearn.recipes.methods.method import Material
from ignite_unlearn.recipes.nets.nets import Nets
from ignite_unlearn.recipes.settings import same_setting, setting

_LARGEST = 256  # images of a request for items in one step
_ITEMS_EPS, _TABLE_EPS = 5e-3, 3e-2  # of Adam


@dataclass(frozen=True)
class Cascade:
    """What the three have in common; see :class:`.Method`."""

    substitution: str = setting("other_class", "what forgotten latents are to show", choices=SUBSTITUTIONS)
    fake_label: str = setting("between", "what the discriminator is to say of forgotten images", choices=FAKE_LABELS)
    unlearning_iterations: int = setting(10, "iterations after which the phase ends at the latest", at_least=1)
    unlearning_batch_size: int = setting(
        32, "forgotten latents, and as many retained ones, in an unlearning step", at_least=1
    )
    unlearning_steps: int = setting(1, "the generator's unlearning steps in an iteration", at_least=1)
    unlearning_lr: float = setting(3e-4, "learning rate of the unlearning steps", at_least=0)
    anchor: float = setting(8.0, "weight of what is to stay as it is", at_least=0)
    name: ClassVar[str] = "cascade"
    every: ClassVar[int] = 1

    def check(self, nets: Nets) -> None:
        """Refuses a substitution that the nets do not fit.

        Raises:
            UnlearningError: if they do not.
        """
        check_substitution(self.substitution, nets)

    def aim(self, phase: UnlearningPhase) -> GAN | None:
        """Returns None: which latents are to be given substitutes, labels do not tell."""
        return None

    def told(self) -> Mapping[str, Any]:
        """Returns the two choices that make a cascade."""
        return {"substitution": self.substitution, "fake_label": self.fake_label}

    def _phase(
        self,
        gan: GAN,
        forget: Forget,
        material: Material,
        *,
        optimizer: OptimizerFactory,
        start: OfferedStart | None = None,
        **more: Any,
    ) -> CascadedUnlearning:
        substitution = SUBSTITUTIONS[self.substitution].make(material.left)
        unseen, labels = material.split.calibration
        asked: dict[str, Any] = {"batch_size": self.unlearning_batch_size, **more}
        return CascadedUnlearning(
            gan,
            forget=forget,
            substitution=substitution,
            fake_label=FAKE_LABELS[self.fake_label](unseen, labels, material.label_seed),
            optimizer=optimizer,
            anchor=self.anchor,
            generator_steps=self.unlearning_steps,
            every=self.every,
            max_iterations=self.unlearning_iterations,
            seed=material.seed,
            start=None if start is None else start.make(substitution),
            **asked,
        )


@dataclass(frozen=True)
class CascadeOnFoundClasses(Cascade):
    """For classes that a classifier finds in a GAN without labels, perhaps with a start in closed form."""

    substitution: str = same_setting(Cascade, "substitution", "latent_direction")
    unlearning_iterations: int = same_setting(Cascade, "unlearning_iterations", 12)
    unlearning_batch_size: int = same_setting(Cascade, "unlearning_batch_size", 64)
    unlearning_steps: int = same_setting(Cascade, "unlearning_steps", 16)
    unlearning_lr: float = same_setting(Cascade, "unlearning_lr", 2e-3)
    start: str = setting("drop_components", "what is done in closed form first", choices=STARTS, before="none")
    unlearning_eps: float = setting(1e-5, "eps of their Adam", above=0)

    def check(self, nets: Nets) -> None:
        """Refuses a substitution or a start that the nets do not fit.

        Raises:
            UnlearningError: if they do not.
        """
        super().check(nets)
        check_start(self.start, nets)

    def phase(self, gan: GAN, forget: Forget, material: Material) -> CascadedUnlearning:
        """Returns the cascade; see :class:`.Method`."""
        start = STARTS[self.start]
        return self._phase(gan, start.request(forget), material, optimizer=self._optimizer(gan), start=start)

    def _optimizer(self, gan: GAN) -> OptimizerFactory:
        return _adam(self.unlearning_lr, self.unlearning_eps)


@dataclass(frozen=True)
class CascadeOnClasses(CascadeOnFoundClasses):
    """For classes of a GAN that takes labels; tables of labels have a learning rate of their own."""

    substitution: str = same_setting(Cascade, "substitution", "other_class")
    unlearning_iterations: int = same_setting(Cascade, "unlearning_iterations", 10)
    unlearning_batch_size: int = same_setting(Cascade, "unlearning_batch_size", 32)
    unlearning_steps: int = same_setting(Cascade, "unlearning_steps", 1)
    unlearning_lr: float = same_setting(Cascade, "unlearning_lr", 3e-4)
    start: str = same_setting(CascadeOnFoundClasses, "start", "nearest_embedding")
    unlearning_eps: float = same_setting(CascadeOnFoundClasses, "unlearning_eps", 5e-3)
    embedding_lr: float = setting(2.0, "their learning rate for the table of labels", at_least=0)

    def check(self, nets: Nets) -> None:
        """Refuses nets that take no labels, and a substitution or a start that they do not fit.

        Raises:
            UnlearningError: if that is so.
        """
        if not nets.conditional:
            raise UnlearningError("CascadeOnClasses needs nets that take labels: use CascadeOnFoundClasses.")
        super().check(nets)

    def aim(self, phase: UnlearningPhase) -> GAN:
        """Returns the teacher with substitutes in place of its images."""
        assert isinstance(phase, CascadedUnlearning) and phase.original is not None
        teacher, regions, substitution = phase.original.teacher, phase.original.regions, phase.step.substitution
        return GAN(
            teacher.generator,
            teacher.discriminator,
            latents=teacher.latents,
            labels=teacher.labels,
            generate=lambda net, latents, labels: substitution(teacher, latents, labels, regions),
        )

    def _optimizer(self, gan: GAN) -> OptimizerFactory:
        tables = [rows.module for rows in label_embeddings(gan)]
        return _adam(self.unlearning_lr, self.unlearning_eps, tables, self.embedding_lr)


@dataclass(frozen=True)
class CascadeOnItems(Cascade):
    """For single images: the discriminator is unlearned in closed form, since its memory of them is what tells."""

    substitution: str = same_setting(Cascade, "substitution", "retained_neighbour")
    fake_label: str = same_setting(Cascade, "fake_label", "unseen_quantiles")
    unlearning_iterations: int = same_setting(Cascade, "unlearning_iterations", 8)
    unlearning_batch_size: int = same_setting(Cascade, "unlearning_batch_size", 64)
    unlearning_lr: float = same_setting(Cascade, "unlearning_lr", 1e-4)
    every: int = setting(  # type: ignore[misc]
        1, "learning steps from one unlearning step to the next", at_least=1
    )
    discriminator_step: str = setting(
        "gauss_newton", "how the discriminator is unlearned", choices=("gauss_newton", "kfac", "descent", "none")
    )
    held_rows: int = setting(256, "retained images that a step in closed form holds or takes statistics of", at_least=1)
    ridge: float = setting(1e-3, "of the step in closed form; larger moves less", above=0)

    def phase(self, gan: GAN, forget: Forget, material: Material) -> CascadedUnlearning:
        """Returns the cascade; see :class:`.Method`."""
        asked = int(material.split.asked.sum())
        return self._phase(
            gan,
            forget,
            material,
            optimizer=lambda parameters: torch.optim.Adam(parameters, self.unlearning_lr, (0.5, 0.99), eps=_ITEMS_EPS),
            batch_size=max(self.unlearning_batch_size, min(asked, _LARGEST)),
            discriminator_step=self._discriminator_step(material.split),
        )

    def _discriminator_step(self, split: Split) -> DiscriminatorStep | None:
        if self.discriminator_step == "none":  # an ablation: the generator alone
            return lambda gan, teacher, rows, fake_label: {}
        if self.discriminator_step == "descent":
            return None
        (retained, labels), (unseen, unseen_labels) = split.retain, split.calibration
        kind = KFAC if self.discriminator_step == "kfac" else GaussNewton
        return kind(retained, labels, unseen=unseen, unseen_labels=unseen_labels, rows=self.held_rows, ridge=self.ridge)


def _adam(
    lr: float, eps: float, tables: Sequence[nn.Module] = (), table_lr: float = 0.0
) -> Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]:
    """Returns a factory of Adam that gives a generator's tables of labels a learning rate of their own.

    A class is a row of that table: where it can move far, the weights that all classes share need not. The eps is as
    large as the gradients of the forgotten class: with Adam's usual one, weights whose gradients are near zero would
    move as fast as all others, and the retained classes' FID rises by a tenth before the anchor brings it down.
    """

    def make(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        own = {id(p) for table in tables for p in table.parameters()}
        parameters = list(parameters)
        rest = [p for p in parameters if id(p) not in own]
        groups: list[dict[str, Any]] = [{"params": rest, "lr": lr, "eps": eps}]
        if len(rest) < len(parameters):
            groups.append({"params": [p for p in parameters if id(p) in own], "lr": table_lr, "eps": _TABLE_EPS})
        return torch.optim.Adam(groups, betas=(0.5, 0.99), fused=True)

    return make
