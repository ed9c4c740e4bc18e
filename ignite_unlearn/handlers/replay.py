"""Replay: an unlearning phase without the training data, on what the original GAN makes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import ignite.distributed as idist

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import Forget
from ignite_unlearn.gan.borrow import borrow, step_seed
from ignite_unlearn.gan.fields import shown
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.utils.asked import REQUEST, SEED, asks, kind, whole

_REGIONS, _BATCH = 0, 3  # what a random number stream is for


class Replay:
    """A loader of the original GAN's samples, the forget region left out, in the form of the loop's batches.

    Generative replay (Shin et al. 2017) in place of a loader whose data is gone. Give it the original GAN: a frozen
    copy is taken when the loader is made. Every epoch draws other images; no random number stream of the loop's is
    touched. Several processes draw what one would for all of their rows, if all have equally many. A row is an image
    and a label: what else a row of ``like`` holds would belong to another image, and is warned of.

    Args:
        gan: the original GAN.
        forget: the request, whose latents are left out.
        like: a batch of the loop's form; its images, and its class labels if the GAN is conditional, are replaced, and
            everything else in it is shared. Its rows are as many as a batch has.
        batches: how many batches an epoch has.
        seed: of what is drawn.

    Raises:
        UnlearningError: if ``batches`` is not positive, or ``like`` holds no images of the generator's shape.

    Example:
        >>> import torch
        >>> from ignite_unlearn import GAN, ForgetItems
        >>> netG = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Unflatten(1, (1, 4, 4)))
        >>> gan = GAN(netG, torch.nn.Flatten(), latents=(8,))
        >>> batch = {"image": torch.zeros(6, 1, 4, 4), "site": "a"}
        >>> loader = Replay(gan, ForgetItems(torch.zeros(1, 1, 4, 4)), like=batch, batches=2)
        >>> [batch["image"].shape for batch in loader]
        [torch.Size([6, 1, 4, 4]), torch.Size([6, 1, 4, 4])]
    """

    @asks(
        gan=kind("a GAN", GAN),
        forget=REQUEST,
        batches=whole(at_most=10**9),
        seed=SEED,
    )
    def __init__(self, gan: GAN, forget: Forget, *, like: Any, batches: int, seed: int = 0):
        if batches < 1:
            raise UnlearningError(f"Replay(batches={batches}) must be at least 1.")
        more = gan.batch.more(like)
        if more:
            warnings.warn(
                f"Replay makes images and class labels alone: what else the batch holds of a row, at "
                f"{', '.join(map(shown, more))}, stays as in the batch given, and belongs to other images.",
                stacklevel=2,
            )
        self._teacher = gan.teacher()
        self._like = like
        self._batches = batches
        self._seed = seed
        self._epoch = 0
        with borrow(seed=step_seed(seed, _REGIONS)):
            self._regions = forget.regions(self._teacher)
            made = self._teacher.sample(1)
        if not len(gan.batch.images(like)):
            raise UnlearningError("The batch to be like holds no rows: give a batch of the loop's form.")
        shape = gan.batch.images(like).shape[1:]
        if made.shape[1:] != shape:
            raise UnlearningError(
                f"The batch to be like has images of shape {tuple(shape)}, the generator makes "
                f"{tuple(made.shape[1:])}: give a batch of the loop's form, or convert by the GAN's image=(get, put)."
            )

    def __len__(self) -> int:
        return self._batches

    def __iter__(self) -> Iterator[Any]:
        epoch, self._epoch = self._epoch, self._epoch + 1
        for index in range(self._batches):
            yield self._batch(epoch, index)

    def state_dict(self) -> dict[str, int]:
        """Returns how many epochs were begun."""
        return {"epoch": self._epoch}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Loads the count, so that the next epoch draws what an uninterrupted run would."""
        self._epoch = int(state["epoch"])

    def _batch(self, epoch: int, index: int) -> Any:
        form = self._teacher.batch
        old = form.images(self._like)
        with borrow(seed=step_seed(self._seed, _BATCH, epoch, index)):
            n, rank = len(old), idist.get_rank()
            mine = slice(n * rank, n * (rank + 1))
            latents, labels = self._regions.retained(n * idist.get_world_size())
            latents, labels = latents[mine], None if labels is None else labels[mine]
            images = self._teacher.sample(n, labels, latents=latents)
        old_labels = form.labels(self._like)
        if labels is not None and old_labels is not None:
            labels = labels.to(old_labels.device)
        return form.replace(self._like, images.to(old), labels)
