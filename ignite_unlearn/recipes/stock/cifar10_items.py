"""Forget single images of a DCGAN that overfits CIFAR-10 (by --data-root; long: meant for a GPU)."""

from __future__ import annotations

from ignite_unlearn.recipes.data import SmallCIFAR10
from ignite_unlearn.recipes.methods import CascadeOnItems
from ignite_unlearn.recipes.nets import DCGAN
from ignite_unlearn.recipes.recipe import Recipe
from ignite_unlearn.recipes.stop import AfterIterations
from ignite_unlearn.recipes.tasks import Items
from ignite_unlearn.recipes.training import NonSaturating, Training

RECIPE = Recipe(
    name="cifar10-items",
    data=SmallCIFAR10(trained=5000, unseen=6000),
    nets=DCGAN(latent=128, g_width=48, d_width=48, g_blocks=3),
    training=Training(iterations=40000, batch_size=32, loss=NonSaturating(), g_lr=1e-3, d_lr=2e-3),
    task=Items(items=64, first_item=0, candidates=2048, inversion_steps=0, generator_half="where_known"),
    method=CascadeOnItems(
        substitution="retained_neighbour",
        fake_label="unseen_quantiles",
        discriminator_step="gauss_newton",
        unlearning_iterations=8,
        every=1,
        unlearning_batch_size=64,
        unlearning_steps=1,
        unlearning_lr=1e-4,
        anchor=8.0,
        held_rows=256,
        ridge=1e-3,
    ),
    stop=AfterIterations(later=(200,)),
    samples=5000,
)
