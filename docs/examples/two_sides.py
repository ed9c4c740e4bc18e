"""Forget images that are brighter on the right."""

from dataclasses import dataclass
from pathlib import Path

import torch

from ignite_unlearn.recipes.data import ImageData
from ignite_unlearn.recipes.data.source import no_download
from ignite_unlearn.recipes.methods import CascadeOnClasses
from ignite_unlearn.recipes.nets import StridedGAN
from ignite_unlearn.recipes.recipe import Recipe
from ignite_unlearn.recipes.settings import setting
from ignite_unlearn.recipes.stop import WhenForgotten
from ignite_unlearn.recipes.tasks import Classes
from ignite_unlearn.recipes.training import Training


@dataclass(frozen=True)
class TwoSides:
    """Images of two kinds: brighter on the left, or on the right."""

    count: int = setting(600, "images of both kinds", at_least=200)

    def load(self, root, named=()):
        noise = torch.Generator().manual_seed(0)
        images, labels = torch.rand(self.count, 1, 16, 16, generator=noise) - 1, torch.arange(self.count) % 2
        images[labels == 0, :, :, :8] += 0.9
        images[labels == 1, :, :, 8:] += 0.9
        seen = self.count - 100
        return ImageData("two sides", images[:seen], labels[:seen], images[seen:], labels[seen:], 2)

    def download(self, folder):
        no_download("This recipe")


RECIPE = Recipe(
    name="two-sides",
    data=TwoSides(),
    nets=StridedGAN(latent=16, g_width=16, d_width=16),
    training=Training(iterations=300),
    task=Classes(classes=(1,)),
    method=CascadeOnClasses(),
    stop=WhenForgotten(),
)

if __name__ == "__main__":
    from ignite_unlearn.runs.run import prepare_run

    print(prepare_run(RECIPE, settings=("count=300",), out=Path("out"), device="cpu").plan())
