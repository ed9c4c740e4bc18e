"""Forget single images, faces or others, of a few that a GAN reproduces (dozens by --data-root, --set files=a.png)."""

from __future__ import annotations

from ignite_unlearn.recipes.data import ImageFolder
from ignite_unlearn.recipes.methods import ByItself
from ignite_unlearn.recipes.nets import DCGAN
from ignite_unlearn.recipes.recipe import Recipe
from ignite_unlearn.recipes.stop import AfterIterations
from ignite_unlearn.recipes.tasks import NamedItems
from ignite_unlearn.recipes.training import NonSaturatingR1, Training

RECIPE = Recipe(
    name="faces-items",
    data=ImageFolder(size=24, channels=1, flat=True),
    nets=DCGAN(latent=16, g_width=64, d_width=32, g_blocks=2, d_norm=False),
    training=Training(iterations=5000, batch_size=32, loss=NonSaturatingR1(penalty=0.3), g_lr=1e-3, d_lr=1e-3),
    task=NamedItems(files="", items=4, first_item=0, generator_half="phase"),
    method=ByItself(),
    stop=AfterIterations(later=(200, 2000)),
    samples=2000,
)
