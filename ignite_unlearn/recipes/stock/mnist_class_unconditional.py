"""Forget one digit of a GAN that knows no classes; a classifier finds it (MNIST by --data-root)."""

from __future__ import annotations

from ignite_unlearn.recipes.data import MNIST
from ignite_unlearn.recipes.goals import unconditional_goals
from ignite_unlearn.recipes.methods import CascadeOnFoundClasses
from ignite_unlearn.recipes.nets import MixtureGAN
from ignite_unlearn.recipes.recipe import Recipe
from ignite_unlearn.recipes.stop import WhenForgotten
from ignite_unlearn.recipes.tasks import FoundClasses
from ignite_unlearn.recipes.training import Hinge, Training

RECIPE = Recipe(
    name="mnist-class-unconditional",
    data=MNIST(),
    nets=MixtureGAN(latent=48, components=32, g_width=64, d_width=32, d_blocks=3),
    training=Training(iterations=4500, batch_size=64, loss=Hinge(), g_lr=4e-4, d_lr=8e-4),
    task=FoundClasses(classes=(8,), pool=1024),
    method=CascadeOnFoundClasses(
        substitution="retained_neighbour",
        fake_label="between",
        start="drop_components",
        unlearning_iterations=12,
        unlearning_batch_size=64,
        unlearning_steps=16,
        unlearning_lr=5e-4,
        unlearning_eps=1e-5,
        anchor=8.0,
    ),
    stop=WhenForgotten(share_tolerance=0.009, fid_tolerance=0.2, judge_every=2, judge_samples=6000),
    samples=20000,
    goals=unconditional_goals(),
)
