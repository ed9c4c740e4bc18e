"""A run, carried out: original, unlearned and retrained GAN, their numbers and pictures, and the erasure record."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import Any

import torch

from ignite_unlearn import __version__
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.recipes.recipe import Recipe
from ignite_unlearn.recipes.tasks.instruments import Instruments
from ignite_unlearn.recipes.tasks.task import Evaluation
from ignite_unlearn.record.figures import later_numbers
from ignite_unlearn.record.folder import finish_record, write_record
from ignite_unlearn.record.keys import keyed_sha256, make_key
from ignite_unlearn.record.phase_facts import read_bound, read_rows_met
from ignite_unlearn.record.record import Record
from ignite_unlearn.record.scores import score_histogram
from ignite_unlearn.record.weights import generator_sha256, weights_sha256
from ignite_unlearn.runs.checkpoints import checkpoint_path
from ignite_unlearn.runs.done import done
from ignite_unlearn.runs.folder import RunFolder, Trained
from ignite_unlearn.runs.instruments import kept_instruments
from ignite_unlearn.runs.limits import limits
from ignite_unlearn.runs.pictures import picture, safe_picture
from ignite_unlearn.runs.provenance import Fingerprint
from ignite_unlearn.runs.rehearsal import rehearse
from ignite_unlearn.runs.run import Run
from ignite_unlearn.runs.unlearning import Unlearned, Unlearning
from ignite_unlearn.utils.hashing import tensors_sha256
from ignite_unlearn.utils.locks import locked_folder
from ignite_unlearn.utils.pictures import save_picture

logger = logging.getLogger(__name__)

JUDGED, WATCHED = 12345, 54321  # seeds of the latents that results, and stops, are judged by


def carry_out(run: Run) -> Record:
    """Carries a run out and writes its files; one that shall go on, and has come to its end, is left as it is.

    Raises:
        UnlearningError: if another run holds the folder, a file does not fit or cannot be written, or if a loss stops
            being finite.
    """
    with locked_folder(run.out):
        finish_record(run.out)
        return done(run) or _carry_out(run)


def _carry_out(run: Run) -> Record:
    recipe, split, folder = run.recipe, run.split, RunFolder(run.out)
    if not (run.out / "original.pt").exists() and run.earlier.folder is None:  # else the phase says it as soon
        rehearse(run)
    run.earlier.refuse_other_key(run.out)
    original = original_of(run)
    run.earlier.write(run.out)  # now that the folder is this run's: a ledger is no other's to delete
    instruments = instruments_of(run)
    evaluation = recipe.task.evaluation(instruments, split, original.gan, samples=recipe.samples, seed=JUDGED)
    unlearned, later = _unlearn(run, folder, original.gan, instruments, evaluation)
    folder.save("unlearned", unlearned.gan, seconds=unlearned.seconds, iterations=unlearned.iterations)
    retrained = retrained_of(run) if run.retrain else None
    gans = {"original": original.gan, "unlearned": unlearned.gan}
    gans |= {} if retrained is None else {"retrained": retrained.gan}
    logger.info("These GANs are measured: %s.", ", ".join(gans))
    metrics = measure_all(evaluation, gans)
    metrics["unlearned"].update(later)
    shown = safe_picture(gans, recipe.task, split, instruments.classifier)
    save_picture(picture(gans) if run.show_forgotten else shown, run.out / "samples.png")
    about = _about(run, instruments, evaluation.made)
    record = Record(
        **about,
        **_spent(original, unlearned, retrained),
        metrics=metrics,
        stopped_because=unlearned.stopped_because,
        curves=unlearned.curves,
        scores={name: score_histogram(gan, split.kinds) for name, gan in gans.items()},
        bounds=tuple(map(read_bound, unlearned.bounds)),
        found=read_rows_met(unlearned.found),
        weights_sha256=weights_sha256(unlearned.gan),
        generator_sha256=generator_sha256(unlearned.gan),
    )
    written = write_record(run.out, record, shown)
    logger.info("%s is written: %s.", run.out / "record.json", written.verdict.headline)
    for name in _checkpoints(run):  # kept till here: else a run that is stopped while it retrains would unlearn again
        checkpoint_path(run.out, name).unlink(missing_ok=True)
    return written


def original_of(run: Run) -> Trained:
    """Returns the original GAN of a run: from its folder, from one beside it that was made in the same way, or trained.

    Raises:
        UnlearningError: if a file is of other nets, or was made by another seed or other options.
    """
    folder, before = RunFolder(run.out, run.progress), run.earlier.folder
    if before is not None and not (run.out / "original.pt").exists():
        folder.take_over("original", before, "unlearned", run.original.fingerprint)
    return folder.original(run.new_gan(), run.original, run.original_beside(), resume=run.resume)


def retrained_of(run: Run) -> Trained:
    """Returns the GAN that is trained for as many epochs on the retain set alone; an old one only when resuming.

    Raises:
        UnlearningError: if the file that is there is not the one that its note is about.
    """
    return RunFolder(run.out, run.progress).retrained(run.new_gan(), run.retrained, resume=run.resume)


def instruments_of(run: Run) -> Instruments:
    """Returns what a run measures with; trained from seeds of their own where its folder holds none."""
    recipe = run.recipe
    return kept_instruments(
        run.out,
        run.split.data,
        recipe.classifier,
        name=recipe.name,
        data_sha256=run.data_sha256,
        resume=run.resume,
        progress=run.progress,
    )


def measure_all(evaluation: Evaluation, gans: Mapping[str, GAN]) -> dict[str, dict[str, Any]]:
    """Returns the numbers of each GAN; the retrained one, where there is one, is what ``ret_fid`` is measured to."""
    features = evaluation.features(gans["retrained"]) if "retrained" in gans else None
    return {name: evaluation(gan, features) for name, gan in gans.items()}


def _unlearn(
    run: Run, folder: RunFolder, original: GAN, instruments: Instruments, evaluation: Evaluation
) -> tuple[Unlearned, dict[str, Any]]:
    """Returns what the phase did, and numbers of the unlearned GAN that are known only afterwards."""
    recipe, split, gan = run.recipe, run.split, run.new_gan()
    gan.generator.load_state_dict(original.generator.state_dict())
    gan.discriminator.load_state_dict(original.discriminator.state_dict())
    # Stops are decided on other latents than those that the result is judged by.
    watch = recipe.stop.evaluation(partial(recipe.task.evaluation, instruments, split, original, seed=WATCHED))
    unlearning = Unlearning(gan, recipe, split, instruments, seed=run.seed, progress=run.progress)
    made_by = _depends_on(run, original, instruments)
    of_phase, *of_looks = ((checkpoint_path(folder.path, name), made_by) for name in _checkpoints(run))
    unlearned = unlearning.run(original, watch, of_phase, resume=run.resume)
    numbers: dict[str, Any] = {}
    for (before, steps), checkpoint in zip(pairwise((0, *recipe.stop.later)), of_looks, strict=True):
        logger.info("The loop learns on, up to %d learning steps after the phase.", steps)
        unlearning.go_on(steps - before, checkpoint, title=f"learning on to {steps}", resume=run.resume)
        numbers |= later_numbers(evaluation.memory(unlearning.released), steps if before else None)
    return unlearned, numbers


def _checkpoints(run: Run) -> list[str]:
    """Returns the names of the checkpoints of a phase, and of the learning steps up to each later look."""
    return ["phase", *(f"later_{steps}" for steps in run.recipe.stop.later)]


def _depends_on(run: Run, original: GAN, instruments: Instruments) -> Fingerprint:
    """Returns everything that a phase depends on; of what is to be forgotten the rows, not the pixels."""
    judges = tensors_sha256(*instruments.guide.state_dict().values(), *instruments.classifier.state_dict().values())
    made = {"version": __version__, "recipe": run.recipe.name, "seed": run.seed, "data": run.data_sha256}
    made |= {"original": weights_sha256(original), "judges": judges, "forgotten": tensors_sha256(run.split.forgotten)}
    return Fingerprint({**made, **run.options})


def _about(run: Run, instruments: Instruments, made: int) -> dict[str, Any]:
    """Returns what a record says of the run, whatever came out of it."""
    recipe, split, data, task = run.recipe, run.split, run.split.data, run.recipe.task
    extractor = instruments.extractor
    return {
        "recipe": recipe.name,
        "seed": run.seed,
        "device": str(run.device) if run.device.type == "cpu" else torch.cuda.get_device_name(run.device),
        "data": {
            "name": data.name,
            "train": len(data.images),
            "unseen": len(data.unseen),
            # Of all images but a few items it would confirm these: whoever has the rest could try them out.
            "sha256": None if task.hides_data else run.data_sha256,
        },
        "forget": {
            "kind": task.kind,
            "classes": list(task.classes),
            "names": [data.class_names[number] for number in task.classes] if data.class_names else [],
            "count": int(split.forgotten.sum()),
            "hmac_sha256": keyed_sha256(make_key(run.out), split.forget[0]),
            "earlier_requests": len(run.earlier.entries),
        },
        "method": _method(recipe),
        "feature_extractor": {"name": extractor.name, "sha256": extractor.sha256, "samples": made},
        "limits": limits(task.kind, task.limits(instruments), audited=False),
        "request": run.origin,
    }


def _method(recipe: Recipe) -> dict[str, Any]:
    source = {"recipe_from": recipe.source} if recipe.source else {}
    return {"name": recipe.method.name, **recipe.method.told(), "options": recipe.options, **source}


def _spent(original: Trained, unlearned: Unlearned, retrained: Trained | None) -> dict[str, Any]:
    return {
        "seconds": {
            "original": original.seconds,
            "unlearning": unlearned.seconds,
            "inversion": unlearned.inversion_seconds,
            "retraining": None if retrained is None else retrained.seconds,
        },
        "iterations": {
            "original": original.iterations,
            "unlearning": unlearned.iterations,
            "retraining": None if retrained is None else retrained.iterations,
        },
    }
