"""A run of a recipe: original, unlearned and retrained GAN, their numbers and pictures, and the erasure record."""

from __future__ import annotations

import torch
from torch import Tensor

from ignite_unlearn.borrow import borrow
from ignite_unlearn.gan import GAN
from ignite_unlearn.metrics.features import tensors_sha256
from ignite_unlearn.pictures import save_picture, side_by_side
from ignite_unlearn.recipes.evaluation import Evaluation
from ignite_unlearn.recipes.judges import train_judges
from ignite_unlearn.recipes.phase import PhaseResult, run_phase
from ignite_unlearn.recipes.request import Request
from ignite_unlearn.recipes.trained import Shelf, Trained
from ignite_unlearn.recipes.training import GANTraining
from ignite_unlearn.record import ErasureRecord

_COLUMNS = 6
LIMITS = (
    "No formal guarantee: the numbers are measurements, on one seed, of what was looked for.",
    "The feature extractor was trained by the recipe on the same real data: its FID compares only with itself.",
    "Whether the discriminator remembers single images was not audited.",
    "Whether the class comes back quickly under further training was not audited.",
    "original.pt still holds what was forgotten, and so do copies and backups elsewhere: delete them.",
)


def run(request: Request) -> ErasureRecord:
    """Runs a request and writes its files.

    Raises:
        UnlearningError: if a file does not fit or cannot be written, or if a loss stops being finite.
    """
    shelf, data, options = Shelf(request), request.data, request.options
    judges = train_judges(data, request.recipe.classifier, f"{request.recipe.name}-cnn-64", progress=request.progress)
    evaluation = Evaluation(judges, data, options["classes"], samples=options["samples"])
    original = shelf.original()
    # Stops are decided on other latents than those that the result is judged by.
    watch = Evaluation(judges, data, options["classes"], samples=options["judge_samples"], seed=54321)
    unlearned, phase = _unlearn(request, shelf, original, watch)
    retrained = shelf.retrained() if request.retrain else None
    gans = {"original": original.gan, "unlearned": unlearned}
    if retrained is not None:
        gans["retrained"] = retrained.gan
    features = None if retrained is None else evaluation.features(retrained.gan)
    samples = {name: _samples(gan) for name, gan in gans.items()}
    save_picture(side_by_side(samples, _COLUMNS), request.out / "samples.png")
    record = ErasureRecord(
        recipe=request.recipe.name,
        seed=request.seed,
        device=str(request.device) if request.device.type == "cpu" else torch.cuda.get_device_name(request.device),
        data={"name": data.name, "train": len(data.images), "unseen": len(data.unseen), "sha256": data.sha256},
        forget={
            "kind": "classes",
            "classes": list(options["classes"]),
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
            "retraining": None if retrained is None else retrained.seconds,
        },
        iterations={
            "original": original.iterations,
            "unlearning": phase.iterations,
            "retraining": None if retrained is None else retrained.iterations,
        },
        metrics={name: evaluation(gan, features) for name, gan in gans.items()},
        feature_extractor={
            "name": judges.extractor.name,
            "sha256": judges.extractor.sha256,
            "samples": options["samples"] * (data.classes - len(options["classes"])),
        },
        stopped_because=phase.stopped_because,
        limits=(
            *LIMITS,
            f"The classifier that counts classes is right on {judges.accuracy:.1%} of unseen real images.",
        ),
    )
    record.write(request.out, side_by_side(_without(samples, options["classes"]), _COLUMNS))
    return record


def _unlearn(request: Request, shelf: Shelf, original: Trained, watch: Evaluation) -> tuple[GAN, PhaseResult]:
    generator, discriminator = shelf.nets()
    generator.load_state_dict(original.gan.generator.state_dict())
    discriminator.load_state_dict(original.gan.discriminator.state_dict())
    training = GANTraining(generator, discriminator, request.options, unlearning=True)
    result = run_phase(training, request.data, request.options, watch, seed=request.seed, progress=request.progress)
    gan = GAN(training.average, discriminator, latents=(training.latent,), labels=request.data.classes)
    shelf.save("unlearned", gan, seconds=result.seconds, iterations=result.iterations)
    return gan, result


def _samples(gan: GAN) -> Tensor:
    """Returns images of fixed latents, a row for each class."""
    assert gan.labels is not None
    labels = torch.arange(gan.labels).repeat_interleave(_COLUMNS)
    with borrow(seed=7):
        latents = gan.sample_latents(_COLUMNS).repeat(gan.labels, *[1] * len(gan.sample_latents(1).shape[1:]))
    return gan.sample(len(labels), labels, latents=latents)


def _without(samples: dict[str, Tensor], classes: tuple[int, ...]) -> dict[str, Tensor]:
    """Returns the samples with the original's rows of the forgotten classes blank."""
    blank = samples["original"].clone()
    for k in classes:
        blank[k * _COLUMNS : (k + 1) * _COLUMNS] = 1
    return {**samples, "original": blank}
