"""Forget one class of CIFAR-10 (by --data-root; long: meant for a GPU)."""

from __future__ import annotations

from ignite_unlearn.recipes.data import CIFAR10
from ignite_unlearn.recipes.goals import class_goals
from ignite_unlearn.recipes.methods import CascadeOnClasses
from ignite_unlearn.recipes.nets import StridedGAN
from ignite_unlearn.recipes.recipe import Recipe
from ignite_unlearn.recipes.stop import WhenForgotten
from ignite_unlearn.recipes.tasks import Classes
from ignite_unlearn.recipes.training import Hinge, Training

RECIPE = Recipe(
    name="cifar10-class",
    data=CIFAR10(),
    nets=StridedGAN(latent=128, g_width=128, d_width=96, d_blocks=3),
    training=Training(iterations=50000, batch_size=64, loss=Hinge(), g_lr=4e-4, d_lr=8e-4),
    task=Classes(classes=(3,)),
    method=CascadeOnClasses(
        substitution="untrained_label",
        fake_label="between",
        start="untrained_label",
        unlearning_iterations=10,
        unlearning_batch_size=32,
        unlearning_steps=1,
        unlearning_lr=3e-4,
        unlearning_eps=5e-3,
        embedding_lr=2.0,
        anchor=8.0,
    ),
    stop=WhenForgotten(
        share_tolerance=0.015,
        fid_tolerance=0.04,
        judge_every=1,  # costs less than half of an iteration
        judge_samples=20,
    ),
    samples=500,
    goals=class_goals(share=0.02, fid=1.05, speedup=284),
)
