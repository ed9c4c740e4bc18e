"""A run's phase, made and tried on nets that nobody trained: what does not fit is said before hours are spent."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.kept_inversion import KeptInversion
from ignite_unlearn.recipes.methods.method import Material
from ignite_unlearn.runs.run import Run

_ROWS = 64  # of a batch


def rehearse(run: Run) -> None:
    """Makes the phase of a run, and tries an iteration of it where untrained nets can tell.

    Where classes are found by what a generator shows, they cannot: the phase is made, and no more. Where items are, the
    generator is made to show retained images, as a trained one does: an untrained one shows the same of all latents,
    and all of them are as near to an item as any other.

    Raises:
        UnlearningError: if the phase cannot be made, or would not work.
    """
    recipe, split, data = run.recipe, run.split, run.split.data
    gan = run.new_gan()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(run.seed)
        guide = recipe.classifier(data).to(run.device).eval()
        forget = recipe.task.forget(split, guide, KeptInversion(), progress=False)
        if recipe.task.kind == "items":
            show(gan.generator, split.retain[0])
        material = Material(split, recipe.task.left(guide), run.seed, recipe.task.label_seed(run.seed))
        phase = recipe.method.phase(gan, forget, material)
        if recipe.task.kind == "classes" and not recipe.nets.conditional:
            return
        rows = slice(0, max(2, min(_ROWS, recipe.training.batch_size)))
        found = phase.check([(data.images[rows], data.labels[rows])])
    if found.problems:
        raise UnlearningError(f"The phase of {recipe.name} would not work: {' '.join(found.problems)}")


def show(generator: nn.Module, images: Tensor) -> None:
    """Has a generator add one of these images ``(N, C, H, W)`` to what it makes of a latent; weights still count."""

    def added(module: nn.Module, given: tuple[Any, ...], made: Tensor) -> Tensor:
        chosen = given[0].detach().flatten(1).sum(1).mul(1000).abs().long() % len(images)
        return made + images[chosen.to(images.device)].to(made)

    generator.register_forward_hook(added)
