"""Forget a class of your own images (CLASS/*.png by --data-root, --set classes=NAME)."""

from __future__ import annotations

from ignite_unlearn.recipes.data import ImageFolder
from ignite_unlearn.recipes.methods import CascadeOnClasses
from ignite_unlearn.recipes.nets import StridedGAN
from ignite_unlearn.recipes.recipe import Recipe
from ignite_unlearn.recipes.stop import WhenForgotten
from ignite_unlearn.recipes.tasks import NamedClasses
from ignite_unlearn.recipes.training import Hinge, Training

RECIPE = Recipe(
    name="folder-class",
    data=ImageFolder(size=32, channels=3),
    nets=StridedGAN(latent=64, g_width=64, d_width=32),
    training=Training(iterations=3500, batch_size=64, loss=Hinge(), g_lr=4e-4, d_lr=8e-4),
    task=NamedClasses(classes=()),
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
    stop=WhenForgotten(share_tolerance=0.015, fid_tolerance=0.04, judge_every=1, judge_samples=20),
    samples=500,
)
