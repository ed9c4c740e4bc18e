"""A run of a recipe: original, unlearned and retrained GAN, their numbers and pictures, and the erasure record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ignite_unlearn.borrow import borrow
from ignite_unlearn.gan import GAN
from ignite_unlearn.metrics.features import tensors_sha256
from ignite_unlearn.pictures import save_picture, side_by_side
from ignite_unlearn.recipes.class_phase import unlearn_classes
from ignite_unlearn.recipes.evaluation import Evaluation
from ignite_unlearn.recipes.item_evaluation import ItemEvaluation
from ignite_unlearn.recipes.item_phase import ItemPhase
from ignite_unlearn.recipes.judges import Judges, train_judges
from ignite_unlearn.recipes.phase import PhaseResult
from ignite_unlearn.recipes.request import Request
from ignite_unlearn.recipes.trained import Shelf, Trained
from ignite_unlearn.record import ErasureRecord

_COLUMNS = 6
_ALWAYS = (
    "No formal guarantee: the numbers are measurements, on one seed, of what was looked for.",
    "The feature extractor was trained by the recipe on the same real data: its FID compares only with itself.",
    "original.pt still holds what was forgotten, and so do copies and backups elsewhere: delete them.",
)
LIMITS = {
    "classes": (
        "Whether the discriminator remembers single images was not audited.",
        "Whether the class comes back quickly under further training was not audited.",
    ),
    "items": (
        "Layers below the one that was moved, and other attacks than those in the table, were not audited.",
        "Whether the items come back quickly when they are trained on again was not audited.",
    ),
}


def run(request: Request) -> ErasureRecord:
    """Runs a request and writes its files.

    Raises:
        UnlearningError: if a file does not fit or cannot be written, or if a loss stops being finite.
    """
    data, recipe = request.data, request.recipe
    judges = train_judges(data, recipe.classifier, f"{recipe.name}-cnn-64", progress=request.progress)
    shelf = Shelf(request)
    original = shelf.original()
    evaluation = ItemEvaluation(request, judges) if recipe.forgets_items else class_evaluation(request, judges)
    phase, unlearned = _unlearn(request, shelf, original, evaluation, judges)
    retrained = shelf.retrained() if request.retrain else None
    features = None if retrained is None else evaluation.features(retrained.gan)
    metrics: dict[str, Mapping[str, Any]] = {"original": evaluation(original.gan, features)}
    metrics["unlearned"] = {**evaluation(phase.gan, features), **unlearned}
    samples = {"original": _samples(original.gan), "unlearned": _samples(phase.gan)}
    if retrained is not None:
        metrics["retrained"] = evaluation(retrained.gan, features)
        samples["retrained"] = _samples(retrained.gan)
    save_picture(side_by_side(samples, _COLUMNS), request.out / "samples.png")
    record = _record(request, original, phase, retrained, metrics, judges)
    record.write(request.out, side_by_side(_without(samples, request.options.get("classes", ())), _COLUMNS))
    return record


def class_evaluation(request: Request, judges: Judges, **changes: Any) -> Evaluation:
    """Returns the judgement of a run that forgets classes."""
    options = request.options
    return Evaluation(judges, request.data, options["classes"], **{"samples": options["samples"], **changes})


def _unlearn(
    request: Request, shelf: Shelf, original: Trained, evaluation: Evaluation | ItemEvaluation, judges: Judges
) -> tuple[PhaseResult, dict[str, Any]]:
    """Returns what the phase did, and numbers of the unlearned GAN that are known only afterwards."""
    generator, discriminator = shelf.nets()
    generator.load_state_dict(original.gan.generator.state_dict())
    discriminator.load_state_dict(original.gan.discriminator.state_dict())
    later: dict[str, Any] = {}
    if isinstance(evaluation, ItemEvaluation):
        phase = ItemPhase(request, generator, discriminator)
        result = phase.run()
        phase.go_on(request.options["later"])
        changed = request.gan(generator, discriminator)
        found = {**evaluation.membership(changed), **evaluation.probe(changed)}
        later = {f"{name}_later": value for name, value in found.items()}
    else:
        # Stops are decided on other latents than those that the result is judged by.
        watch = class_evaluation(request, judges, samples=request.options["judge_samples"], seed=54321)
        result = unlearn_classes(request, generator, discriminator, watch)
    shelf.save("unlearned", result.gan, seconds=result.seconds, iterations=result.iterations)
    return result, later


def _record(
    request: Request,
    original: Trained,
    phase: PhaseResult,
    retrained: Trained | None,
    metrics: Mapping[str, Mapping[str, Any]],
    judges: Judges,
) -> ErasureRecord:
    data, options, kind = request.data, request.options, "items" if request.recipe.forgets_items else "classes"
    classes = options.get("classes", ())
    made = options["samples"] if kind == "items" else options["samples"] * (data.classes - len(classes))
    limits = [*_ALWAYS, *LIMITS[kind]]
    if kind == "classes":
        limits.append(f"The classifier that counts classes is right on {judges.accuracy:.1%} of unseen real images.")
    return ErasureRecord(
        recipe=request.recipe.name,
        seed=request.seed,
        device=str(request.device) if request.device.type == "cpu" else torch.cuda.get_device_name(request.device),
        data={"name": data.name, "train": len(data.images), "unseen": len(data.unseen), "sha256": data.sha256},
        forget={
            "kind": kind,
            "classes": list(classes),
            "count": int(request.forgotten.sum()),
            "sha256": tensors_sha256(data.images[request.forgotten]),
        },
        method={
            "name": "cascade",
            "substitution": options["substitution"],
            "fake_label": options["fake_label"],
            "options": dict(options),
        },
        seconds={
            "original": original.seconds,
            "unlearning": phase.seconds,
            "inversion": phase.inversion_seconds,
            "retraining": None if retrained is None else retrained.seconds,
        },
        iterations={
            "original": original.iterations,
            "unlearning": phase.iterations,
            "retraining": None if retrained is None else retrained.iterations,
        },
        metrics=metrics,
        feature_extractor={"name": judges.extractor.name, "sha256": judges.extractor.sha256, "samples": made},
        stopped_because=phase.stopped_because,
        limits=limits,
    )


def _samples(gan: GAN) -> Tensor:
    """Returns images of fixed latents; of a conditional GAN a row for each class."""
    rows = gan.labels or _COLUMNS
    with borrow(seed=7):
        latents = gan.sample_latents(_COLUMNS if gan.labels else _COLUMNS * rows)
    if gan.labels is None:
        return gan.sample(len(latents), latents=latents)
    labels = torch.arange(gan.labels).repeat_interleave(_COLUMNS)
    return gan.sample(len(labels), labels, latents=latents.repeat(gan.labels, *[1] * (latents.dim() - 1)))


def _without(samples: dict[str, Tensor], classes: tuple[int, ...]) -> dict[str, Tensor]:
    """Returns the samples with the original's rows of the forgotten classes blank."""
    blank = samples["original"].clone()
    for k in classes:
        blank[k * _COLUMNS : (k + 1) * _COLUMNS] = 1
    return {**samples, "original": blank}
