"""A look at somebody's loop before any training: what would not work, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ignite_unlearn.borrow import borrow
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget import Forget, LatentRegions
from ignite_unlearn.gan import GAN
from ignite_unlearn.handlers.original import Original
from ignite_unlearn.unlearning_step import Rows, UnlearningStep

_ROWS = 4  # enough to see shapes and ranges


@dataclass(frozen=True)
class CheckReport:
    """What a look at a loop found; true where nothing stands against the phase.

    Attributes:
        problems: what would not work, one sentence each.
        notes: what was found, and what may surprise.

    Example:
        >>> print(CheckReport(problems=(), notes=("The batch holds 8 images.",)))
        The phase fits this loop.
          note: The batch holds 8 images.
    """

    problems: tuple[str, ...]
    notes: tuple[str, ...]

    def __bool__(self) -> bool:
        return not self.problems

    def __str__(self) -> str:
        verdict = "The phase fits this loop." if self else "The phase would not work in this loop."
        lines = [f"  problem: {text}" for text in self.problems] + [f"  note: {text}" for text in self.notes]
        return "\n".join([verdict, *lines])


def check_loop(step: UnlearningStep, forget: Forget, loader: Any, *, seed: int = 0) -> CheckReport:
    """Tries every seam between the phase and a loop on the loader's first batch, and changes nothing by it.

    Args:
        step: the unlearning step.
        forget: the request.
        loader: what the trainer runs over.
        seed: of the random numbers drawn.
    """
    look, gan = _Look(), step.gan
    original = Original(gan, forget, seed)
    teacher = original.teacher
    with _streams_kept(loader), borrow(gan.generator, gan.discriminator, seed=seed):
        regions = look.try_to(lambda: original.regions)
        made = look.try_to(lambda: gan.sample(_ROWS))
        if made is not None:
            look.try_to(lambda: gan.score(made[0:_ROWS], gan.sample_labels(_ROWS)))
        batch = look.try_to(lambda: _first_batch(loader))
        if batch is not None:
            _look_at_batch(look, gan, forget, None if regions is None else original, made, batch)
        if regions is not None and not look.problems:
            latents, labels = regions.forgotten(_ROWS)
            if len(latents):
                look.try_to(lambda: step.substitution(teacher, latents, labels, regions))
            else:
                look.notes.append("The generator does not make what is to be forgotten: it is left to the loop.")
            scores = torch.zeros(_ROWS, device=gan.device)
            look.try_to(lambda: step.fake_label(scores, gan, teacher, regions, torch.zeros_like(scores).long()))
            look.try_to(lambda: _step_on_a_copy(step, forget, teacher, regions, batch))
    return CheckReport(tuple(dict.fromkeys(look.problems)), tuple(look.notes))


def _step_on_a_copy(step: UnlearningStep, forget: Forget, teacher: GAN, regions: LatentRegions, batch: Any) -> None:
    if step.discriminator_step is None or batch is None:
        return
    tried = teacher.teacher()
    tried.discriminator.requires_grad_(True)
    form = step.gan.batch
    images = form.images(batch)
    rows = Rows(images, form.labels(batch), torch.ones(len(images), dtype=torch.bool), forget.examples(_ROWS))
    step.discriminator_step(tried, teacher, rows, step.fake_scores(regions, rows))


class _Look:
    """Collects what is found instead of ending at the first problem."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.notes: list[str] = []

    def try_to(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except UnlearningError as error:
            self.problems.append(str(error))
            return None


def _look_at_batch(
    look: _Look, gan: GAN, forget: Forget, original: Original | None, made: Tensor | None, batch: Any
) -> None:
    images = look.try_to(lambda: gan.batch.images(batch))
    if images is None:
        return
    labels = look.try_to(lambda: gan.batch.labels(batch))
    look.notes.append(f"The first batch holds {len(images)} images of shape {tuple(images.shape[1:])}.")
    if labels is not None and gan.labels is not None and not 0 <= int(labels.min()) <= int(labels.max()) < gan.labels:
        look.problems.append(
            f"The batch's labels go from {int(labels.min())} to {int(labels.max())}, but GAN(..., labels={gan.labels}) "
            f"expects 0 to {gan.labels - 1}: give the number of classes, or say where the labels are, label=..."
        )
        return
    rows = look.try_to(lambda: forget.rows(images, labels))
    if rows is not None:
        look.notes.append(f"{int(rows.sum())} of its rows belong to the forget set.")
    look.try_to(lambda: gan.score(images.to(gan.device), None if labels is None else labels.to(gan.device)))
    if original is not None and made is not None:
        # All rows, as if the whole batch were to be forgotten: that shows whether substitutes fit.
        every = torch.ones(len(images), dtype=torch.bool)
        look.try_to(lambda: original.substitute(batch, gan, every, 0))
        low, high = images.min().item(), images.max().item()
        if images.is_floating_point() and (low >= 0) != (made.min().item() >= 0):
            look.notes.append(
                f"The batch's values lie in [{low:.3g}, {high:.3g}], generated ones in [{made.min().item():.3g}, "
                f"{made.max().item():.3g}]: if their ranges differ, convert in GAN(..., image=(get, put))."
            )


def _first_batch(loader: Any) -> Any:
    iterator = iter(loader)
    if iterator is loader:
        raise UnlearningError(
            "The data is an iterator that can be read only once, so a look would swallow its first batch: give check() "
            "a list of one batch of the same form."
        )
    for batch in iterator:
        return batch
    raise UnlearningError("The data is empty: expected at least one batch.")


@contextmanager
def _streams_kept(loader: Any) -> Iterator[None]:
    # A DataLoader's own generator moves when it is iterated; the global streams are borrow's to put back.
    owners = [loader, getattr(loader, "sampler", None)]
    found = [getattr(owner, "generator", None) for owner in owners]
    generators = [(g, g.get_state()) for g in found if isinstance(g, torch.Generator)]
    try:
        yield
    finally:
        for generator, state in generators:
            generator.set_state(state)
