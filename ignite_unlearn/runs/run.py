"""A run of a recipe: original, unlearned and retrained GAN, their numbers and pictures, and the erasure record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.utils.pictures import save_picture
from ignite_unlearn.runs.class_phase import unlearn_classes
from ignite_unlearn.runs.evaluations import ClassEvaluation, class_evaluation, judge_all, make_evaluation
from ignite_unlearn.runs.item_evaluation import ItemEvaluation
from ignite_unlearn.runs.item_phase import ItemPhase
from ignite_unlearn.runs.judges import Judges
from ignite_unlearn.runs.kept_judges import kept_judges
from ignite_unlearn.runs.limits import limits
from ignite_unlearn.runs.loop import PhaseResult
from ignite_unlearn.runs.request import Request
from ignite_unlearn.runs.samples import picture, safe_picture
from ignite_unlearn.runs.shelf import Shelf, Trained
from ignite_unlearn.record.record import Record
from ignite_unlearn.record.folder import write_record
from ignite_unlearn.record.keys import keyed_sha256, make_key, weights_sha256
from ignite_unlearn.record.phase_facts import read_bound, read_rows_met
from ignite_unlearn.record.scores import score_histogram


def run(request: Request) -> Record:
    """Runs a request and writes its files.

    Raises:
        UnlearningError: if a file does not fit or cannot be written, or if a loss stops being finite.
    """
    shelf = Shelf(request)
    original = shelf.original()
    judges = kept_judges(request)
    evaluation = make_evaluation(request, judges, original.gan)
    phase, unlearned = _unlearn(request, shelf, original, evaluation, judges)
    retrained = shelf.retrained() if request.retrain else None
    gans = {"original": original.gan, "unlearned": phase.gan} | ({"retrained": retrained.gan} if retrained else {})
    metrics = judge_all(evaluation, gans)
    metrics["unlearned"].update(unlearned)
    shown = safe_picture(request, gans, judges.classifier)
    save_picture(picture(gans) if request.show_forgotten else shown, request.out / "samples.png")
    return write_record(request.out, _record(request, original, phase, retrained, gans, metrics, judges), shown)


def _unlearn(
    request: Request, shelf: Shelf, original: Trained, evaluation: ClassEvaluation | ItemEvaluation, judges: Judges
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
        watch = class_evaluation(request, judges, original.gan, samples=request.options["judge_samples"], seed=54321)
        result = unlearn_classes(request, generator, discriminator, watch, original.gan, judges.guide)
    shelf.save("unlearned", result.gan, seconds=result.seconds, iterations=result.iterations)
    return result, later


def _record(
    request: Request,
    original: Trained,
    phase: PhaseResult,
    retrained: Trained | None,
    gans: Mapping[str, GAN],
    metrics: Mapping[str, Mapping[str, Any]],
    judges: Judges,
) -> Record:
    data, options, kind = request.data, request.options, "items" if request.recipe.forgets_items else "classes"
    classes = options.get("classes", ())
    made = options["samples"] * (data.classes - len(classes) if request.recipe.conditional else 1)
    return Record(
        recipe=request.recipe.name,
        seed=request.seed,
        device=str(request.device) if request.device.type == "cpu" else torch.cuda.get_device_name(request.device),
        data={
            "name": data.name,
            "train": len(data.images),
            "unseen": len(data.unseen),
            # Of all images but a few items it would confirm these: whoever has the rest could try them out.
            "sha256": data.sha256 if kind == "classes" else None,
        },
        forget={
            "kind": kind,
            "classes": list(classes),
            "count": int(request.forgotten.sum()),
            "hmac_sha256": keyed_sha256(make_key(request.out), data.images[request.forgotten]),
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
        limits=limits(kind, judges.accuracy, audited=False),
        curves=phase.curves,
        scores={name: score_histogram(gan, request.kinds) for name, gan in gans.items()},
        bounds=tuple(map(read_bound, phase.bounds)),
        found=read_rows_met(phase.found),
        request=request.origin,
        weights_sha256=weights_sha256(phase.gan),
    )
