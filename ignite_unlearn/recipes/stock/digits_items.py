"""Forget single digits that a DCGAN reproduces (embedded data, 10 minutes)."""

from __future__ import annotations

from ignite_unlearn.recipes.data import FewDigits
from ignite_unlearn.recipes.methods import ByItself
from ignite_unlearn.recipes.nets import DCGAN
from ignite_unlearn.recipes.recipe import Recipe
from ignite_unlearn.recipes.stop import AfterIterations
from ignite_unlearn.recipes.tasks import Items
from ignite_unlearn.recipes.training import NonSaturatingR1, Training

RECIPE = Recipe(
    name="digits-items",
    data=FewDigits(trained=64),
    nets=DCGAN(latent=32, g_width=64, d_width=32, g_blocks=2, d_norm=False),
    training=Training(iterations=4000, batch_size=32, loss=NonSaturatingR1(penalty=0.3), g_lr=1e-3, d_lr=1e-3),
    task=Items(items=8, first_item=0, generator_half="phase"),
    method=ByItself(),
    stop=AfterIterations(later=(200, 2000)),
    samples=2000,
)
