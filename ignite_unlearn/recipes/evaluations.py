"""Which judgement fits a recipe, and the same numbers for all of its GANs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ignite_unlearn.gan import GAN
from ignite_unlearn.recipes.evaluation import Evaluation
from ignite_unlearn.recipes.item_evaluation import ItemEvaluation
from ignite_unlearn.recipes.judges import Judges
from ignite_unlearn.recipes.request import Request


def make_evaluation(request: Request, judges: Judges) -> Evaluation | ItemEvaluation:
    """Returns the judgement that fits the recipe."""
    return ItemEvaluation(request, judges) if request.recipe.forgets_items else class_evaluation(request, judges)


def class_evaluation(request: Request, judges: Judges, **changes: Any) -> Evaluation:
    """Returns the judgement of a run that forgets classes."""
    options = request.options
    return Evaluation(judges, request.data, options["classes"], **{"samples": options["samples"], **changes})


def judge_all(evaluation: Evaluation | ItemEvaluation, gans: Mapping[str, GAN]) -> dict[str, dict[str, Any]]:
    """Returns the numbers of each GAN; the retrained one, where there is one, is what ``ret_fid`` is measured to."""
    features = evaluation.features(gans["retrained"]) if "retrained" in gans else None
    return {name: evaluation(gan, features) for name, gan in gans.items()}
