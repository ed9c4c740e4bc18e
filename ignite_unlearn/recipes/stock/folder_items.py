"""Forget single images of your own, of hundreds or more (by --data-root, --set files=a.png,b/c.png)."""

from __future__ import annotations

from ignite_unlearn.recipes.data import ImageFolder
from ignite_unlearn.recipes.methods import CascadeOnItems
from ignite_unlearn.recipes.nets import DCGAN
from ignite_unlearn.recipes.recipe import Recipe
from ignite_unlearn.recipes.stop import AfterIterations
from ignite_unlearn.recipes.tasks import NamedItems
from ignite_unlearn.recipes.training import NonSaturating, Training

RECIPE = Recipe(
    name="folder-items",
    data=ImageFolder(size=32, channels=3, flat=True),
    nets=DCGAN(latent=64, g_width=32, d_width=32, g_blocks=3),
    training=Training(iterations=10000, batch_size=32, loss=NonSaturating(), g_lr=1e-3, d_lr=2e-3),
    task=NamedItems(files="", items=64, first_item=0, candidates=2048, inversion_steps=0, generator_half="where_known"),
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
