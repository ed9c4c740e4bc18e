"""An erasure record from a user's own script: a handler beside the cascade."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import ignite.distributed as idist
import torch
from ignite.engine import Engine
from PIL import Image
from torch import Tensor

from ignite_unlearn.audits.audit import Audit
from ignite_unlearn.audits.phase_checkpoints import phase_checkpoints
from ignite_unlearn.audits.plan import audit_gans, refuse_other_than_audits
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.handlers.curves import Curves
from ignite_unlearn.handlers.events import UnlearningEvents
from ignite_unlearn.handlers.handle import PhaseHandle
from ignite_unlearn.handlers.phase import UnlearningPhase
from ignite_unlearn.metrics.features import FeatureExtractor
from ignite_unlearn.record.folder import write_record
from ignite_unlearn.record.keys import keyed_sha256, make_key
from ignite_unlearn.record.limits import limits
from ignite_unlearn.record.numbers import as_numbers
from ignite_unlearn.record.phase_facts import read_bound, read_rows_met
from ignite_unlearn.record.pictures import blanked
from ignite_unlearn.record.record import Record
from ignite_unlearn.record.scores import score_histogram
from ignite_unlearn.record.weights import generator_sha256, weights_sha256
from ignite_unlearn.utils.asked import KINDS, MEASURE, PATH, TEXT, asks, kind, maybe, number, several, whole
from ignite_unlearn.utils.distributed import together
from ignite_unlearn.utils.pictures import side_by_side

Measure: TypeAlias = Callable[[GAN], Mapping[str, Any]]
_DRAWN, _COLUMNS = 32, 8  # images of each GAN on the page


class ErasureRecord:
    """Writes the erasure record of a phase when it ends: ``record.json`` and ``record.html``.

    It describes the weights that the phase leaves, in whatever order handlers are attached: what puts other weights in
    place, such as ``StopWhenForgotten``, does so at ``UNLEARNING_ENDING``. A record of an earlier phase that lies in
    the folder is kept under another name (:func:`~ignite_unlearn.record.folder.kept_aside`). A number that is none is
    left out with a warning, and where ``measure`` or an audit raises, the record is written first.

    Args:
        unlearning: the phase.
        folder: where the record goes; written by rank 0.
        measure: returns a GAN's numbers, such as ``{"fid": 12.0, "forgotten_share": 0.01}``; called for the original,
            the unlearned and the retrained GAN, by every process, without gradients. An interval of ``name`` is
            ``name_low`` and ``name_high``.
        released: the GAN that is released where it is not the one that is trained, such as one with a moving average.
        retrained: a GAN that never saw the forget set; None: no verdicts.
        retraining_seconds: what training it took on the same device; None: no speed-up.
        audits: such as ``Membership(items, unseen)``; see :func:`~ignite_unlearn.audits.plan.audit_gans`.
        scores: kinds of images, ``"forget"``, ``"retain"``, ``"unseen"``, to images and labels, for histograms of
            scores; only counts enter the record.
        extractor: what ``fid`` and ``kid`` were measured with.
        samples: how many generated images they were measured on.
        name: of the script.
        data: ``name``, ``train`` (number of images), ``sha256``, as far as known.
        limits: what this record does not show, beside what none does.
        request_id: of the request to forget, as the user keeps it.
        asked_by: who asked to forget.
        run_by: who ran the phase.

    Raises:
        UnlearningError: if ``folder`` is a file, or something among the audits is none.

    Example:
        >>> import tempfile, torch
        >>> from ignite.engine import Engine
        >>> from ignite_unlearn import GAN, CascadedUnlearning, ErasureRecord, ForgetItems
        >>> from ignite_unlearn.cascade.fake_labels.fixed import Fixed
        >>> from ignite_unlearn.cascade.substitutions.mean_image import MeanImage
        >>> netG = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Unflatten(1, (1, 4, 4)))
        >>> netD = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 1))
        >>> images = torch.rand(6, 1, 4, 4)
        >>> gan = GAN(netG, netD, latents=(8,))
        >>> unlearning = CascadedUnlearning(
        ...     gan, forget=ForgetItems(images[:2]), substitution=MeanImage(), fake_label=Fixed(0)
        ... )
        >>> trainer = Engine(lambda engine, batch: None)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     record = ErasureRecord(unlearning, folder, measure=lambda gan: {"mine": 1.0})
        ...     with unlearning.attach(trainer), record.attach(trainer):
        ...         state = trainer.run([images])
        ...     Record.read(Path(folder)).forgotten
        '2 items'
    """

    @asks(
        unlearning=kind("an unlearning phase", UnlearningPhase),
        folder=PATH,
        measure=maybe(MEASURE),
        released=maybe(kind("a GAN", GAN)),
        retrained=maybe(kind("a GAN", GAN)),
        retraining_seconds=maybe(number(at_least=0)),
        scores=maybe(KINDS),
        extractor=maybe(kind("a FeatureExtractor", FeatureExtractor)),
        samples=maybe(whole()),
        name=TEXT,
        data=maybe(kind("a dict", Mapping)),
        limits=several("sentences", TEXT),
        request_id=maybe(TEXT),
        asked_by=maybe(TEXT),
        run_by=maybe(TEXT),
    )
    def __init__(
        self,
        unlearning: UnlearningPhase,
        folder: str | Path,
        *,
        measure: Measure | None = None,
        released: GAN | None = None,
        retrained: GAN | None = None,
        retraining_seconds: float | None = None,
        audits: Sequence[Audit] = (),
        scores: Mapping[str, tuple[Tensor, Tensor | None]] | None = None,
        extractor: FeatureExtractor | None = None,
        samples: int | None = None,
        name: str = "a script of its own",
        data: Mapping[str, Any] | None = None,
        limits: Sequence[str] = (),
        request_id: str | None = None,
        asked_by: str | None = None,
        run_by: str | None = None,
    ):
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise UnlearningError(f"ErasureRecord(folder={self.folder}) is a file: give a folder.")
        refuse_other_than_audits(audits)
        self._unlearning = unlearning
        self._released = released
        self._retrained = retrained
        self._retraining_seconds = retraining_seconds
        self._measure = measure
        self._audits = tuple(audits)
        self._scores = dict(scores or {})
        self._extractor = extractor
        self._samples = samples
        self._name = name
        self._data = {"name": None, "train": None, "unseen": None, "sha256": None, **(data or {})}
        self._limits = tuple(limits)
        self._request = {"id": request_id, "asked_by": asked_by, "run_by": run_by}
        self._curves = Curves()
        self._seconds = 0.0  # before this process
        self._created: str | None = None

    def attach(self, trainer: Engine) -> PhaseHandle:
        """Attaches to a trainer that the phase is attached to; returns a removable handle."""
        if self._released is not None:
            self._unlearning.released = self._released
        if self._measure is not None or self._audits:
            self._unlearning.measured = True
        return PhaseHandle(
            self,
            trainer,
            {
                UnlearningEvents.UNLEARNING_STEP_COMPLETED: self._stepped,
                UnlearningEvents.UNLEARNING_COMPLETED: self._completed,
            },
            of=self._unlearning,
        )

    def state_dict(self) -> dict[str, float]:
        """Returns the seconds so far, for a phase that is resumed."""
        return {"seconds": self._seconds + self._unlearning.seconds}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Loads the seconds so far; the curves begin anew."""
        self._seconds = float(state["seconds"])

    def _stepped(self, engine: Engine) -> None:
        self._curves.add(self._unlearning.shown.all(engine))

    def _completed(self, engine: Engine) -> None:
        original = self._unlearning.original
        assert original is not None, "the phase is attached"
        gans = {"original": original.teacher, "unlearned": self._released or self._unlearning.gan}
        if self._retrained is not None:
            gans["retrained"] = self._retrained
        failures: list[Exception] = []
        # Before anything is measured: what nets renew in each call, such as vectors of a spectral norm, is put back.
        hashes = weights_sha256(gans["unlearned"]), generator_sha256(gans["unlearned"])
        with borrow(*(net for gan in gans.values() for net in (gan.generator, gan.discriminator)), seed=0):
            metrics, problems = self._measured(gans, failures)
            audits = self._audited(gans, failures)
            said = [*problems, *(f"Not measured: {error}" for error in failures), *_saved(self._unlearning, engine)]
            record = self._record(gans, metrics, audits, said, hashes)
            picture = self._picture(gans)
        together(lambda: self._write(record, picture))  # no process goes on before the record is there
        for problem in problems:
            warnings.warn(f"ErasureRecord(measure=...): {problem}", stacklevel=2)
        if failures:
            raise failures[0]

    def _write(self, record: Record, picture: Image.Image | None) -> None:
        if idist.get_rank() == 0:
            # A phase that is taken up again has one record still.
            self._created = self._created or record.created
            write_record(self.folder, replace(record, created=self._created), picture)

    def _measured(
        self, gans: Mapping[str, GAN], failures: list[Exception]
    ) -> tuple[dict[str, Mapping[str, Any]], list[str]]:
        found: dict[str, Mapping[str, Any]] = {name: {} for name in gans}
        said: list[str] = []
        for name, gan in gans.items() if self._measure else ():
            try:
                with torch.no_grad():
                    found[name], problems = as_numbers(self._measure(gan))  # type: ignore[misc]
            except Exception as error:  # the user's own function may raise anything, and the record must not be lost
                failures.append(error)
                continue
            said += [problem for problem in problems if problem not in said]
        return found, said

    def _audited(self, gans: Mapping[str, GAN], failures: list[Exception]) -> dict[str, list[dict[str, Any]]]:
        try:
            found = audit_gans(gans, self._audits, progress=False)
        except Exception as error:  # as above
            failures.append(error)
            return {}
        return {name: [result.as_dict() for result in results] for name, results in found.items()}

    def _record(
        self,
        gans: Mapping[str, GAN],
        metrics: Mapping[str, Mapping[str, Any]],
        audits: Mapping[str, Sequence[Mapping[str, Any]]],
        said: Sequence[str],
        hashes: tuple[str, str],
    ) -> Record:
        unlearning, extractor = self._unlearning, self._extractor
        told = unlearning.forget.describe()
        forget: dict[str, Any] = {"kind": told.kind, "classes": list(told.classes), "count": told.count}
        if told.images is not None and idist.get_rank() == 0:
            forget["hmac_sha256"] = keyed_sha256(make_key(self.folder), told.images)
        return Record(
            recipe=self._name,
            seed=unlearning.seed,
            device=str(unlearning.gan.device),
            data=self._data,
            forget=forget,
            method={"name": unlearning.name, **unlearning.settings()},
            seconds={"unlearning": self.state_dict()["seconds"], "retraining": self._retraining_seconds},
            iterations={"unlearning": unlearning.iterations},
            metrics=metrics,
            feature_extractor={
                "name": extractor and extractor.name,
                "sha256": extractor and extractor.sha256,
                "samples": self._samples,
            },
            stopped_because=unlearning.stopped_because or "the run ended",
            limits=[
                *limits(told.kind, audited=bool(self._audits), hashed="hmac_sha256" in forget),
                *self._limits,
                *said,
            ],
            audits=audits,
            scores={name: score_histogram(gan, self._scores) for name, gan in gans.items()} if self._scores else {},
            curves=self._curves.as_dict(),
            bounds=tuple(map(read_bound, unlearning.bounds)),
            found=read_rows_met(unlearning.found),
            request=self._request,
            weights_sha256=hashes[0],
            generator_sha256=hashes[1],
        )

    def _picture(self, gans: Mapping[str, GAN]) -> Image.Image | None:
        """Returns samples of retained latents; None where nobody can tell which of them would show an item."""
        told, original = self._unlearning.forget.describe(), self._unlearning.original
        assert original is not None
        with borrow(seed=0), torch.no_grad():
            latents, labels = original.regions.retained(_DRAWN)
            panels = {name: gan.sample(len(latents), labels, latents=latents) for name, gan in gans.items()}
        if told.images is not None:
            if told.unseen is None:
                return None
            panels = {name: blanked(images, told.images, told.unseen) for name, images in panels.items()}
        return side_by_side(panels, _COLUMNS)


def _saved(unlearning: UnlearningPhase, trainer: Engine) -> list[str]:
    """Returns where the phase's states lie, in a sentence for each place."""
    return [
        f"A state of the phase, which holds the original GAN, was saved to {place}: delete it."
        for place in phase_checkpoints(unlearning, trainer)
    ]
