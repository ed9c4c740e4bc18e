"""Which judgement fits a recipe, and the same numbers for all of its GANs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.runs.class_evaluation import Evaluation
from ignite_unlearn.runs.item_evaluation import ItemEvaluation
from ignite_unlearn.runs.judges import Judges
from ignite_unlearn.runs.request import Request
from ignite_unlearn.runs.unconditional_evaluation import UnconditionalEvaluation

ClassEvaluation: TypeAlias = "Evaluation | UnconditionalEvaluation"


def make_evaluation(request: Request, judges: Judges, original: GAN) -> ClassEvaluation | ItemEvaluation:
    """Returns the judgement that fits the recipe."""
    if request.recipe.forgets_items:
        return ItemEvaluation(request, judges)
    return class_evaluation(request, judges, original)


def class_evaluation(request: Request, judges: Judges, original: GAN, **changes: Any) -> ClassEvaluation:
    """Returns the judgement of a run that forgets classes."""
    options, data = request.options, request.data
    asked = {"samples": options["samples"], **changes}
    if request.recipe.conditional:
        return Evaluation(judges, data, options["classes"], **asked)
    return UnconditionalEvaluation(judges, data, options["classes"], original, **asked)


def judge_all(evaluation: ClassEvaluation | ItemEvaluation, gans: Mapping[str, GAN]) -> dict[str, dict[str, Any]]:
    """Returns the numbers of each GAN; the retrained one, where there is one, is what ``ret_fid`` is measured to."""
    features = evaluation.features(gans["retrained"]) if "retrained" in gans else None
    return {name: evaluation(gan, features) for name, gan in gans.items()}
